from __future__ import annotations

import json


def sources(text):
    return {line[:16].strip(): line[16:].split(maxsplit=1) for line in text.splitlines()}


def test_each_setting_is_reported_with_its_source(run, tmp_path, monkeypatch):
    config = tmp_path / "mine.toml"
    config.write_text('preset = "text"\nlr = 0.02\nsteps = 7\n')
    monkeypatch.setenv("EDLRR_INPAINT_QUALITY", "fast")
    reported = sources(run("config", "show", "--config", config, "--lr", "0.03").stdout)
    assert reported["lr"] == ["0.03", "flag"]
    assert reported["quality"] == ["fast", "environment"]
    assert reported["steps"] == ["7", f"config {config}"]
    assert reported["prior"] == ["auto", "default"]
    assert "preset text" in {source for _, source in reported.values()}
    record = json.loads(run("config", "show", "--json").stdout)
    assert record["prior"] == {"value": "auto", "source": "default"}
    assert record["gamma"] == {"value": None, "source": "default"}


def test_what_is_wrong_is_refused(refused, tmp_path):
    config = tmp_path / "mine.toml"
    config.write_text("stepz = 7\n")
    assert "unknown key 'stepz'; did you mean 'steps'?" in refused(2, "config", "show", "--config", config)
    assert "--prior is a setting of the method lrr" in refused(
        2, "config", "show", "--method", "tv", "--prior", "local"
    )
