"""Settings: flag, then file, then preset, then default; files are checked and named."""

from __future__ import annotations

import dataclasses
import inspect

import pytest

from edlrr_cli.cli.inpaint import inpaint
from edlrr_cli.errors import InputError, UsageError
from edlrr_cli.media import masks
from edlrr_cli.pipelines.inpaint import params, settings
from edlrr_cli.pipelines.inpaint.settings import preset_names, preset_path, read_settings, resolve
from edlrr_cli.tasks.inpaint.config import Config


@pytest.fixture
def toml(tmp_path):
    def write(text: str):
        path = tmp_path / "settings.toml"
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    return write


def test_every_setting_is_an_option_without_a_default_of_its_own():
    options = {parameter.name: parameter for parameter in inpaint.params}
    for name, default in settings.setting_defaults(settings.OWNERS).items():
        assert options[name].default is None
        assert options[name].help
        if default is not None and not isinstance(default, bool):
            shown = f"{default:g}" if isinstance(default, float) else default
            assert f"[default: {shown}]" in options[name].help


def test_mask_words_and_defaults_are_those_of_the_reader():
    parameters = inspect.signature(masks.read_mask).parameters
    ours = settings.MaskSettings()
    assert (ours.mask_mode, ours.mask_threshold, ours.dilate) == tuple(
        parameters[name].default for name in ("mode", "threshold", "dilate")
    )


def test_nothing_said_means_the_defaults():
    resolved = resolve({"steps": None}, None, None)
    assert resolved.config == Config()
    assert resolved.mask == settings.MaskSettings()


def test_flag_before_file_before_preset_before_default(toml, tmp_path, monkeypatch):
    (tmp_path / "mine.toml").write_text("steps = 1\nlr = 0.1\nseed = 1\ndilate = 1\n")
    monkeypatch.setattr(settings, "preset_folder", lambda: tmp_path)
    path = toml("steps = 2\nlr = 0.2\nnoise = 51\n")
    resolved = resolve({"steps": 3, "center": False, "lr": None}, path, "mine")
    assert resolved.config == Config(steps=3, lr=0.2, seed=1, noise=0.2, center=False)
    assert resolved.mask.dilate == 1
    assert resolved.config.refresh == Config().refresh


def test_a_file_may_name_its_preset_and_a_flag_another(toml):
    path = toml('preset = "paper"\nseed = 3')
    assert resolve({}, path, None).config.fill == "zero"
    assert resolve({}, path, "text").config.fill == Config().fill
    assert resolve({}, path, "text").config.seed == 3


def test_noise_is_converted_once_and_told_as_given():
    resolved = resolve({"noise": 10.0}, None, None)
    assert resolved.config.noise == 10 / 255
    assert resolved.as_record()["noise"] == 10.0
    assert set(resolved.as_record()) == {
        *(field.name for field in dataclasses.fields(Config)),
        "mask_mode",
        "mask_threshold",
        "dilate",
        "method",
        "params",
        "tune",
    }


@pytest.mark.parametrize(
    ("text", "said"),
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
def test_wrong_settings_are_refused_with_the_file(toml, refused, scene, text, said):
    path = toml(text)
    line = refused(2, *scene.arguments("--config", path))
    assert f"config {path}: " in line
    assert said in line


def test_a_preset_named_by_a_file_must_exist(toml):
    with pytest.raises(UsageError, match=r"unknown preset 'papr'; did you mean 'paper'"):
        resolve({}, toml('preset = "papr"'), None)


def test_unreadable_files_are_input_errors(toml, tmp_path, refused, scene):
    path = toml("steps = 3\nlr = = 2\n")
    line = refused(3, *scene.arguments("--config", path))
    assert f"config {path} is not valid TOML" in line
    assert "line 2" in line
    for bad in (tmp_path / "absent.toml", tmp_path, toml(b"\xff\xfe\x00")):
        with pytest.raises(InputError, match="config "):
            read_settings(bad)


def test_whole_numbers_and_byte_order_marks_pass(toml):
    path = toml(b"\xef\xbb\xbf" + b"lr = 1\n")
    assert resolve({}, path, None).config.lr == 1


@pytest.mark.parametrize("name", ["text", "random", "block", "paper"])
def test_presets_are_valid_and_self_contained(name):
    assert name in preset_names()
    assert "preset" not in read_settings(preset_path(name))


def test_the_paper_preset_is_the_papers_setting():
    expected = Config(
        prior="global", center=False, whiten=0, fill="zero", steps=500, refresh=1, lr=0.1, held_out=0
    )
    assert resolve({}, None, "paper").config == expected


def test_parameters_are_merged_one_by_one_and_typed(toml):
    path = toml('method = "tv"\ntune = true\nseed = 3\n[params]\nrtol = 1\nprimal_step = 0.5\n')
    resolved = resolve({"params": {"rtol": "1e-2", "max_iterations": "7"}, "tune": None}, path, None)
    assert resolved.choice == settings.MethodSettings(
        "tv", {"rtol": 0.01, "primal_step": 0.5, "max_iterations": 7}, tune=True
    )
    assert resolved.config == Config(seed=3)
    record = resolved.as_record()
    assert (record["method"], record["tune"], record["params"]["rtol"]) == ("tv", True, 0.01)
    assert (record["seed"], record["device"]) == (3, "auto")
    assert {record[of.name] for of in dataclasses.fields(Config)} == {None, 3, "auto"}
    assert set(record) == set(resolve({}, None, None).as_record())


def test_a_flag_may_take_another_method_than_the_file(toml):
    path = toml('method = "tv"\n[params]\nrtol = 0.01\n')
    assert resolve({"method": "nuclear-admm"}, path, None).choice.params == {"rtol": 0.01}
    with pytest.raises(UsageError, match="params is a setting of the baselines, not of lrr"):
        resolve({"method": "lrr"}, path, None)


def test_what_a_compared_method_would_ignore_is_refused(refused, scene, toml):
    given = ("inpaint", scene.damaged, "--mask", scene.mask, "--method", "tv")
    assert "--held-out is a setting of the method lrr, not of tv" in refused(2, *given, "--held-out", "0.1")
    assert "--center is a setting of the method lrr" in refused(2, *given, "--no-center")
    path = toml("lr = 0.1")
    assert f"config {path}: lr is a setting of the method lrr" in refused(2, *given, "--config", path)
    assert "preset random: steps is a setting of" in refused(2, *given, "--preset", "random")
    ours = ("inpaint", scene.damaged, "--mask", scene.mask)
    assert "--param is a setting of the baselines" in refused(2, *ours, "--param", "rtol=1")
    assert "--tune is a setting of the baselines, not of lrr" in refused(2, *ours, "--tune")
    assert resolve({"tune": False, "params": None}, None, None).choice == settings.MethodSettings()


@pytest.fixture
def declared(monkeypatch):
    hints = {"a": int, "b": float, "c": bool, "d": str, "e": int | None}
    monkeypatch.setattr(params, "param_types", lambda name: hints)


@pytest.mark.parametrize(
    ("given", "typed"),
    [
        ({"a": "3"}, 3),
        ({"a": 3}, 3),
        ({"b": "1e-3"}, 1e-3),
        ({"b": 2}, 2.0),
        ({"c": "true"}, True),
        ({"c": False}, False),
        ({"d": "none"}, "none"),
        ({"e": "none"}, None),
        ({"e": "4"}, 4),
        ({"unknown": 1.5}, 1.5),  # the registry refuses it, with the nearest name
    ],
)
def test_parameters_get_their_types(declared, given, typed):
    (result,) = params.typed_params("m", given).values()
    assert result == typed
    assert type(result) is type(typed)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"a": "3.5"}, "method m: a must be a whole number, got '3.5'"),
        ({"a": True}, "method m: a must be a whole number, got True"),
        ({"a": "none"}, "method m: a must be a whole number, got 'none'"),
        ({"b": "nan"}, "method m: b must be a number, got 'nan'"),
        ({"b": []}, r"method m: b must be a number, got \[\]"),
        ({"c": "1"}, "method m: c must be true or false, got '1'"),
        ({"d": 1}, "method m: d must be a text, got 1"),
        ({"e": "x"}, "method m: e must be a whole number or none, got 'x'"),
    ],
)
def test_parameters_of_a_wrong_type_are_refused(declared, given, said):
    with pytest.raises(UsageError, match=said):
        params.typed_params("m", given)


@pytest.mark.parametrize("word", ["rtol", "=1", "rtol="])
def test_an_assignment_has_two_sides(refused, scene, word):
    line = refused(2, *scene.arguments("--param", word))
    assert f"--param '{word}': expected NAME=VALUE" in line
