"""Settings: flag, then file, then preset, then default."""

from __future__ import annotations

import dataclasses
import inspect

import pytest

from edlrr_cli.errors import InputError, UsageError
from edlrr_cli.media import masks
from edlrr_cli.pipelines.inpaint import settings
from edlrr_cli.pipelines.inpaint.settings import preset_names, preset_path, read_settings, resolve_settings
from edlrr_cli.tasks.inpaint.config import Config


def test_mask_words_and_defaults_are_those_of_the_reader():
    parameters = inspect.signature(masks.read_mask).parameters
    ours = settings.MaskSettings()
    assert (ours.mask_mode, ours.mask_threshold, ours.dilate) == tuple(
        parameters[name].default for name in ("mode", "threshold", "dilate")
    )


def test_no_flag_means_the_defaults():
    resolved = resolve_settings({"steps": None}, None, None)
    assert resolved.config == Config()
    assert resolved.mask == settings.MaskSettings()


def test_flag_before_file_before_preset_before_default(toml, tmp_path, monkeypatch):
    (tmp_path / "mine.toml").write_text("steps = 1\nlr = 0.1\nseed = 1\ndilate = 1\n")
    monkeypatch.setattr(settings, "preset_folder", lambda: tmp_path)
    path = toml("steps = 2\nlr = 0.2\nnoise = 51\n")
    resolved = resolve_settings({"steps": 3, "center": False, "lr": None}, path, "mine")
    assert resolved.config == Config(steps=3, lr=0.2, seed=1, noise=0.2, center=False)
    assert resolved.mask.dilate == 1
    assert resolved.config.refresh == Config().refresh


def test_a_file_may_name_its_preset_and_a_flag_another(toml):
    path = toml('preset = "paper"\nseed = 3')
    assert resolve_settings({}, path, None).config.fill == "zero"
    assert resolve_settings({}, path, "text").config.fill == Config().fill
    assert resolve_settings({}, path, "text").config.seed == 3


def test_noise_is_converted_once_and_recorded_as_given():
    resolved = resolve_settings({"noise": 10.0}, None, None)
    assert resolved.config.noise == 10 / 255
    assert resolved.as_record()["noise"] == 10.0
    assert set(resolved.as_record()) == {
        *(field.name for field in dataclasses.fields(Config)),
        "mask_mode",
        "mask_threshold",
        "mask_color",
        "dilate",
        "sensitivity",
        "method",
        "params",
        "tune",
    }


def test_a_preset_named_by_a_file_must_exist(toml):
    with pytest.raises(UsageError, match=r"unknown preset 'papr'; did you mean 'paper'"):
        resolve_settings({}, toml('preset = "papr"'), None)


def test_unreadable_files_are_input_errors(toml, tmp_path):
    for path in (tmp_path / "absent.toml", tmp_path, toml(b"\xff\xfe\x00")):
        with pytest.raises(InputError, match="config "):
            read_settings(path)


def test_whole_numbers_and_byte_order_marks_pass(toml):
    path = toml(b"\xef\xbb\xbf" + b"lr = 1\n")
    assert resolve_settings({}, path, None).config.lr == 1


@pytest.mark.parametrize("name", ["text", "random", "block", "paper"])
def test_presets_are_valid_and_self_contained(name):
    assert name in preset_names()
    assert "preset" not in read_settings(preset_path(name))


def test_the_paper_preset_is_the_papers_setting():
    expected = Config(
        prior="global", center=False, whiten=0, fill="zero", steps=500, refresh=1, lr=0.1, held_out=0
    )
    assert resolve_settings({}, None, "paper").config == expected


def test_parameters_are_merged_one_by_one_and_typed(toml):
    path = toml('method = "tv"\ntune = true\nseed = 3\n[params]\nrtol = 1\nprimal_step = 0.5\n')
    resolved = resolve_settings({"params": {"rtol": "1e-2", "max_iterations": "7"}, "tune": None}, path, None)
    assert resolved.choice == settings.MethodSettings(
        "tv", {"rtol": 0.01, "primal_step": 0.5, "max_iterations": 7}, tune=True
    )
    assert resolved.config == Config(seed=3)
    record = resolved.as_record()
    assert (record["method"], record["tune"], record["params"]["rtol"]) == ("tv", True, 0.01)
    assert (record["seed"], record["device"]) == (3, "auto")
    assert {record[field.name] for field in dataclasses.fields(Config)} == {None, 3, "auto"}
    assert set(record) == set(resolve_settings({}, None, None).as_record())


def test_a_flag_may_take_another_method_than_the_file(toml):
    path = toml('method = "tv"\n[params]\nrtol = 0.01\n')
    assert resolve_settings({"method": "nuclear-admm"}, path, None).choice.params == {"rtol": 0.01}
    with pytest.raises(UsageError, match="params is a setting of the baselines, not of lrr"):
        resolve_settings({"method": "lrr"}, path, None)
    assert resolve_settings({"tune": False, "params": None}, None, None).choice == settings.MethodSettings()
