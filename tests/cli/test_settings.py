"""Settings: flag, then file, then preset, then default; files are checked and named."""

from __future__ import annotations

import dataclasses
import inspect

import pytest

from edlrr_cli.cli import settings
from edlrr_cli.cli.inpaint import inpaint
from edlrr_cli.cli.settings import preset_names, preset_path, read_settings, resolve
from edlrr_cli.errors import InputError, UsageError
from edlrr_cli.media import masks
from edlrr_cli.tasks.config import Config


@pytest.fixture
def toml(tmp_path):
    def write(text: str):
        path = tmp_path / "settings.toml"
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    return write


def test_every_setting_is_an_option_without_a_default_of_its_own():
    options = {parameter.name: parameter for parameter in inpaint.params}
    for name, default in settings.setting_defaults().items():
        assert options[name].default is None
        assert options[name].help
        if default is not None and not isinstance(default, bool):
            shown = f"{default:g}" if isinstance(default, float) else default
            assert f"[default: {shown}]" in options[name].help


def test_mask_words_and_defaults_are_those_of_the_reader():
    parameters = inspect.signature(masks.read_mask).parameters
    ours = settings.MaskSettings()
    assert settings.MASK_MODES == masks.MASK_MODES
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
    expected = Config(center=False, whiten=0, fill="zero", steps=500, refresh=1, lr=0.1, held_out=0)
    assert resolve({}, None, "paper").config == expected
