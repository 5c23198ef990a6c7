"""Settings on the command line: every setting is an option, and refusals name the file or the flag."""

from __future__ import annotations

import pytest

from edlrr_cli.cli.inpaint import inpaint
from edlrr_cli.pipelines.inpaint import settings


def test_every_setting_is_an_option_without_a_default_of_its_own():
    options = {parameter.name: parameter for parameter in inpaint.params}
    for name, default in settings.setting_defaults(settings.OWNERS).items():
        assert options[name].default is None
        assert options[name].help
        if default is not None and not isinstance(default, bool):
            shown = f"{default:g}" if isinstance(default, float) else default
            assert f"[default: {shown}]" in options[name].help


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("stesp = 3", "unknown key 'stesp'; did you mean 'steps'?"),
        ("[inpaint]\nsteps = 3", "unknown key 'inpaint'"),
        ("steps = 3.5", "steps must be a whole number, got 3.5"),
        ("steps = true", "steps must be a whole number, got True"),
        ("center = 1", "center must be true or false, got 1"),
        ("reg = 1", "reg must be a text, got 1"),
        ('gamma = "1"', "gamma must be a number, got '1'"),
        ("steps = -3", "steps must be 0 or more, got -3"),
        ("noise = -1", "noise must be between 0 and 255, got -1"),
        ('reg = "laguerre-gama"', "unknown reg 'laguerre-gama'; did you mean 'laguerre-gamma'?"),
        ('method = "irn"', "unknown method 'irn'; did you mean 'irnn'?"),
        ("params = 3", "params must be a table, got 3"),
        ("tune = 1", "tune must be true or false, got 1"),
        ('method = "tv"\n[params]\nrtol = "a"', "method tv: rtol must be a number, got 'a'"),
        ('method = "tv"\nwhiten = 1', "whiten is a setting of the method lrr, not of tv; leave it out"),
        ("tune = true", "tune is a setting of the baselines, not of lrr; name one with --method"),
        ("[params]\nrtol = 1", "params is a setting of the baselines, not of lrr"),
    ],
)
def test_wrong_settings_are_refused_with_the_file(toml, refused, scene, text, message):
    path = toml(text)
    line = refused(2, *scene.arguments("--config", path))
    assert f"config {path}: " in line
    assert message in line


def test_a_file_that_is_not_toml_is_refused_with_the_line(toml, refused, scene):
    path = toml("steps = 3\nlr = = 2\n")
    line = refused(3, *scene.arguments("--config", path))
    assert f"config {path} is not valid TOML" in line
    assert "line 2" in line


def test_settings_that_the_method_would_ignore_are_refused(refused, scene, toml):
    given = ("inpaint", scene.damaged, "--mask", scene.mask, "--method", "tv")
    assert "--held-out is a setting of the method lrr, not of tv" in refused(2, *given, "--held-out", "0.1")
    assert "--center is a setting of the method lrr" in refused(2, *given, "--no-center")
    path = toml("lr = 0.1")
    assert f"config {path}: lr is a setting of the method lrr" in refused(2, *given, "--config", path)
    assert "preset random: steps is a setting of" in refused(2, *given, "--preset", "random")
    ours = ("inpaint", scene.damaged, "--mask", scene.mask)
    assert "--param is a setting of the baselines" in refused(2, *ours, "--param", "rtol=1")
    assert "--tune is a setting of the baselines, not of lrr" in refused(2, *ours, "--tune")


@pytest.mark.parametrize("word", ["rtol", "=1", "rtol="])
def test_an_assignment_has_two_sides(refused, scene, word):
    line = refused(2, *scene.arguments("--param", word))
    assert f"--param '{word}': expected NAME=VALUE" in line
