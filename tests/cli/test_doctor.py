from __future__ import annotations

import json

import pytest

from edlrr_cli.pipelines import self_test


def test_what_is_here_is_reported_and_tested(run):
    text = run("doctor").stdout
    for label in ("edlrr", "python", "packages", "devices", "formats", "self-test"):
        assert f"\n{label}" in f"\n{text}"
    assert "self-test       works: " in text
    record = json.loads(run("doctor", "--json").stdout)
    assert record["works"]
    assert record["seconds"] < 5
    assert record["packages"]["torch"]
    assert "PNG" in record["formats"]


def test_a_wrong_image_is_reported_by_the_exit_code(run, monkeypatch):
    monkeypatch.setattr(self_test, "_LEAST_PSNR", 200.0)
    result = run("doctor")
    assert (result.exit_code, "does NOT work" in result.stdout) == (1, True)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts(run, shell):
    assert "_EDLRR_COMPLETE" in run("completion", shell).stdout


def test_the_environment_sets_options(run, scene, monkeypatch):
    monkeypatch.setenv("EDLRR_INPAINT_PRIOR", "global")
    assert "\nobjective " in run(*scene.arguments()).stdout
    result = run(*scene.arguments("--overwrite", "--prior", "local"))
    assert "\nprior           local, " in result.stdout
