"""``edlrr show``: the table of penalties and the drawing of one."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from edlrr_cli.baselines.registry import METHOD_NAMES, METHODS
from edlrr_cli.lrr.names import REG_NAMES
from edlrr_cli.pipelines.penalty_figure import centered_spectrum
from edlrr_cli.tasks.inpaint.config import Config

DRAWING_PX = (1320, 528)


def test_the_table_has_every_name_with_its_formula(run):
    header, *rows = run("show", "regs").stdout.splitlines()
    assert header.split() == ["name", "gamma", "formula"]
    assert [row.split()[0] for row in rows] == list(REG_NAMES)
    assert all("h(x) = " in row for row in rows)
    assert "exact-scad         3.7    h(x) = x up to 1" in rows[REG_NAMES.index("exact-scad")]


def test_the_methods_have_their_source_and_parameters(run):
    result = run("show", "methods")
    header, ours, *rows = result.stdout.splitlines()
    assert header.split() == ["name", "title", "source", "parameters"]
    assert ours.startswith("lrr ")
    assert [row.split()[0] for row in rows] == list(METHOD_NAMES)
    for row, method in zip(rows, METHODS.values(), strict=True):
        assert f" {method.title} " in row
        assert f" {method.source}" in row
    (tv,) = (row for row in rows if row.startswith("tv "))
    assert tv.endswith("primal_step=0.03  rtol=0.001  max_iterations=1000")
    (telea,) = (row for row in rows if row.startswith("telea "))
    assert telea.endswith("radius_px=3 [2, 3, 10]")
    assert "max_rank=none" in result.stdout


def size_px(path: Path) -> tuple[int, int]:
    with Image.open(path) as image:
        assert image.format == "PNG"
        return image.size


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("laguerre-gamma", "laguerre-gamma: order 20, within 0.0183 of h up to x_max = 11.87"),
        ("taylor-lnn", "up to x_max = 0.936"),
        ("exact-scad", "exact-scad: exact"),
        ("nuclear", "nuclear: exact; "),
        ("schatten-0.5", "schatten-0.5: exact; "),
    ],
)
def test_draws_a_penalty_over_the_spectrum_of_an_image(run, scene, name, message):
    target = scene.folder / "reg.png"
    result = run("show", "reg", name, "--image", scene.clean, "-o", target)
    assert result.exit_code == 0, result.stderr
    assert message in result.stdout
    assert f"sigma_1 = {centered_spectrum(scene.clean).max():.4g}" in result.stdout
    assert result.stdout.count("\n") == 1
    assert size_px(target) == DRAWING_PX


def test_the_default_name_is_in_the_current_folder(run, refused, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run("show", "reg", "laguerre-log", "--gamma", "2").exit_code == 0
    assert size_px(tmp_path / "reg_laguerre-log.png") == DRAWING_PX
    assert "exists already" in refused(4, "show", "reg", "laguerre-log")
    assert run("show", "reg", "laguerre-log", "--overwrite").exit_code == 0


def test_a_spectrum_beyond_the_range_is_reported(run, scene):
    result = run(
        "show", "reg", "taylor-lnn", "--image", scene.clean, "--scale", "1", "-o", scene.folder / "a.png"
    )
    assert "is beyond x_max" in result.stdout


def test_auto_is_explained_by_prior(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = run("show", "reg", "auto")
    assert result.exit_code == 0, result.stderr
    title, *lines = result.stdout.splitlines()
    assert title.startswith("auto: the penalty that restores best with each prior")
    shown = {line.split()[0]: line for line in lines}
    for prior in ("global", "local", "nonlocal"):
        name, gamma = Config().penalty(prior)
        assert name in shown[prior]
        assert gamma is None or shown[prior].endswith(f"gamma {gamma:g}")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["laguerre-gama"], 2, "did you mean 'laguerre-gamma'?"),
        (["nuclear", "--gamma", "2"], 2, "no shape parameter"),
        (["auto", "--gamma", "2"], 2, "name one of them"),
        (["auto", "-o", "a.png"], 2, "name one of them"),
        (["nuclear", "--scale", "2"], 2, "give --image"),
        (["nuclear", "-o", "a.pdf"], 4, "expected the extension .png"),
        (["nuclear", "--image", "absent.png"], 3, "no such file"),
        (["laguerre-gamma", "--gamma", "1e-6"], 6, "nowhere accurate"),
    ],
)
def test_refusals(refused, tmp_path, monkeypatch, arguments, code, message):
    monkeypatch.chdir(tmp_path)
    assert message in refused(code, "show", "reg", *arguments)
    assert not list(tmp_path.iterdir())
