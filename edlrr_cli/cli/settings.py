"""From flags, a ``--config`` file and a preset to one frozen object: the first that speaks wins.

Noise is on 0..255 in all of them and on [0, 1] in `Config`; it is converted here and nowhere else.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, get_args, get_type_hints

import edlrr_cli
from edlrr_cli.errors import InputError, UsageError
from edlrr_cli.lrr.names import nearest
from edlrr_cli.tasks.config import Config

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

#: What marks the hole in a mask file; the same words as `edlrr_cli.media.masks.MASK_MODES`,
#: which cannot be imported without numpy.
MASK_MODES = ("auto", "white", "black", "alpha")

NOISE_LEVELS = 255.0

_WORDS = {str: "a text", int: "a whole number", float: "a number", bool: "true or false"}


@dataclass(frozen=True)
class MaskSettings:
    """How a mask file is read; see `edlrr_cli.media.masks.read_mask`."""

    mask_mode: str = "auto"
    mask_threshold: int | None = None
    dilate: int = 0


@dataclass(frozen=True)
class Settings:
    """All settings of ``edlrr inpaint``.

    Attributes:
        config: Of the restoration, noise on [0, 1].
        mask: Of the mask file.
    """

    config: Config
    mask: MaskSettings

    def as_record(self) -> dict[str, Any]:
        """Return what a ``--config`` file would say, noise on 0..255."""
        noise = round(self.config.noise * NOISE_LEVELS, 6)
        return {**dataclasses.asdict(self.config), **dataclasses.asdict(self.mask), "noise": noise}


def setting_types() -> dict[str, type]:
    """Return the type of each setting by name; an optional setting has that of its values."""
    hints = {**get_type_hints(Config), **get_type_hints(MaskSettings)}
    return {name: (get_args(hint) or (hint,))[0] for name, hint in hints.items()}


def setting_defaults() -> dict[str, Any]:
    """Return the default of each setting by name."""
    return {field.name: field.default for owner in (Config, MaskSettings) for field in fields(owner)}


def resolve(flags: Mapping[str, Any], config_file: Path | None, preset: str | None) -> Settings:
    """Merge the settings: flag, then ``--config`` file, then preset, then default.

    Args:
        flags: Setting -> value; None means that the flag was not given.
        config_file: TOML with settings by name, and perhaps ``preset``.
        preset: Name; None takes the one that the file names, if any.

    Raises:
        InputError: The file is missing or not TOML.
        UsageError: An unknown key or preset, a wrong type, or a value outside its domain; the
            message names the file if that is where it stands.
    """
    from_file = {} if config_file is None else read_settings(config_file)
    named = from_file.pop("preset", None)
    preset = preset or named
    from_preset = {} if preset is None else read_settings(preset_path(preset))
    from_preset.pop("preset", None)
    given = {name: value for name, value in flags.items() if value is not None}
    return _settings({**from_preset, **from_file, **given})


def read_settings(path: Path) -> dict[str, Any]:
    """Read a TOML file of settings and check each of them.

    Raises:
        InputError: The file is missing or not TOML.
        UsageError: An unknown key, a wrong type, or a value outside its domain.
    """
    values = _load(path)
    types = {**setting_types(), "preset": str}
    for name, value in values.items():
        if name not in types:
            raise UsageError(f"config {path}: unknown key {name!r}", nearest(name, tuple(types)))
        expected = types[name]
        if type(value) is not expected and not (expected is float and type(value) is int):
            raise UsageError(f"config {path}: {name} must be {_WORDS[expected]}, got {value!r}")
    try:
        _settings({name: value for name, value in values.items() if name != "preset"})
    except UsageError as error:
        raise UsageError(f"config {path}: {error.message}", error.remedy) from error
    return values


def _load(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError as error:
        raise InputError(f"config {path}: no such file", "check the name") from error
    except OSError as error:
        raise InputError(f"config {path} cannot be read ({error.strerror})", "check the name") from error
    except (ValueError, RecursionError) as error:  # TOMLDecodeError, UnicodeDecodeError
        raise InputError(f"config {path} is not valid TOML ({error})", "correct that line") from error


def _settings(values: dict[str, Any]) -> Settings:
    mask_names = {field.name for field in fields(MaskSettings)}
    mask = {name: value for name, value in values.items() if name in mask_names}
    config = {name: value for name, value in values.items() if name not in mask_names}
    if "noise" in config:
        config["noise"] = _to_unit_range(config["noise"])
    return Settings(Config(**config), MaskSettings(**mask))


def _to_unit_range(noise: float) -> float:
    if not 0 <= noise <= NOISE_LEVELS:
        raise UsageError(f"noise must be between 0 and 255, got {noise:g}", "its unit is gray levels of 255")
    return noise / NOISE_LEVELS


def preset_folder() -> Path:
    """Return where the presets are: in an installed package, or beside it in a checkout."""
    package = Path(edlrr_cli.__file__).parent
    installed = package / "configs"
    return installed if installed.is_dir() else package.parent / "configs"


def preset_names() -> tuple[str, ...]:
    """Return the names of the presets."""
    return tuple(sorted(path.stem for path in preset_folder().glob("*.toml")))


def preset_path(name: str) -> Path:
    """Return the file of a preset.

    Raises:
        UsageError: There is none of that name; the message offers the nearest.
    """
    names = preset_names()
    if name not in names:
        raise UsageError(f"unknown preset {name!r}", nearest(name, names))
    return preset_folder() / f"{name}.toml"
