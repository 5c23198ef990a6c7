"""The settings of ``edlrr inpaint``: flags win over the ``--config`` file, the file over the preset.

Noise is on 0..255 in all of them and on [0, 1] in `Config`; it is converted here and nowhere else.
A setting that the chosen method would ignore is refused, wherever it comes from.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, get_args, get_type_hints

import edlrr_cli
from edlrr_cli.baselines.registry import METHOD_NAMES, Params
from edlrr_cli.errors import InputError, UsageError
from edlrr_cli.lrr.names import nearest
from edlrr_cli.pipelines.inpaint.params import KINDS, typed_params
from edlrr_cli.pipelines.noise_levels import AUTO, NOISE_LEVELS, to_levels
from edlrr_cli.tasks.checks import require_choice, settings_of
from edlrr_cli.tasks.inpaint.config import Config
from edlrr_cli.tasks.masking.config import check_detection

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

OURS = "lrr"
"""The method of this program; every other one is in `edlrr_cli.baselines.registry`."""

METHODS = (OURS, *METHOD_NAMES)

Values = Mapping[str, Any]
"""Settings by name."""


@dataclass(frozen=True)
class MaskSettings:
    """How the hole is found.

    See `edlrr_cli.media.masks.read_mask`, `edlrr_cli.media.own_masks.painted_hole` and
    `edlrr_cli.tasks.masking.infrared.find_infrared`.

    Raises:
        UsageError: A value is outside its domain.
    """

    mask_mode: str = "auto"
    mask_threshold: int | None = None
    mask_color: str | None = None
    sensitivity: float = 1.0
    dilate: int = 0

    def __post_init__(self) -> None:
        check_detection(self.sensitivity, self.dilate)


@dataclass(frozen=True)
class MethodSettings:
    """What fills the hole.

    Attributes:
        params: Parameters of a baseline; those left out keep their published values.
    """

    method: str = OURS
    params: Params = field(default_factory=dict)
    tune: bool = False


@dataclass(frozen=True)
class Settings:
    """All settings of ``edlrr inpaint``.

    Attributes:
        config: The restoration, noise on [0, 1]; baselines have its device and seed alone.
    """

    config: Config
    mask: MaskSettings
    choice: MethodSettings

    @property
    def is_ours(self) -> bool:
        """Whether the low-rank penalty fills the hole, and not a baseline."""
        return self.choice.method == OURS

    def as_record(self) -> Values:
        """Return the settings as in a ``--config`` file, noise on 0..255; None: not set, or not used."""
        noise = to_levels(self.config.noise)
        config = {**dataclasses.asdict(self.config), "noise": AUTO if noise is None else noise}
        if not self.is_ours:
            config.update(dict.fromkeys(_OURS_ALONE))
        return {**dataclasses.asdict(self.choice), **config, **dataclasses.asdict(self.mask)}


_OURS_ALONE = tuple(entry.name for entry in fields(Config) if entry.name not in ("device", "seed"))
_OTHERS_ALONE = ("params", "tune")


def setting_types(owners: Sequence[type]) -> dict[str, type]:
    """Return the type of each setting by name, ``params`` apart; an optional one has that of its values."""
    hints = {name: hint for owner in owners for name, hint in get_type_hints(owner).items()}
    return {name: (get_args(hint) or (hint,))[0] for name, hint in hints.items() if name != "params"}


def setting_defaults(owners: Sequence[type]) -> Values:
    """Return the default of each setting by name, ``params`` apart."""
    return {
        entry.name: entry.default for owner in owners for entry in fields(owner) if entry.name != "params"
    }


OWNERS = (MethodSettings, Config, MaskSettings)
"""The dataclasses whose fields are the settings of ``edlrr inpaint``."""


def resolve_settings(flags: Values, config_file: Path | None, preset: str | None) -> Settings:
    """Merge the settings: flag, then ``--config`` file, then preset, then default; parameters one by one.

    Args:
        flags: Setting -> value; None means that the flag was not given.
        config_file: TOML with settings by name, and perhaps ``preset``.
        preset: Name; None takes the one that the file names, if any.

    Raises:
        InputError: The file is missing or not TOML.
        UsageError: An unknown key or preset, a wrong type, a value outside its domain, or a setting that
            the method does not have; the message names the file if that is where it stands.
    """
    given = layers(flags, config_file, preset)
    merged = {name: value for layer in given for name, value in layer.values.items()}
    method = merged.get("method", OURS)
    params: Params = {}
    for layer in given:
        with _naming(f"{layer.source}: " if layer.source else ""):
            _refuse_idle(layer.values, method, flags=not layer.source)
            params.update(typed_params(method, layer.values.get("params", {})))
    return _settings({**merged, "params": params})


@dataclass(frozen=True)
class Layer:
    """Settings from one source.

    Attributes:
        source: The preset or the file; empty for flags.
        values: Setting -> value.
    """

    source: str
    values: Values


def layers(flags: Values, config_file: Path | None, preset: str | None) -> list[Layer]:
    """Return the settings of each source, later ones winning; the arguments are those of `resolve_settings`.

    Raises:
        InputError: The file is missing or not TOML.
        UsageError: An unknown key or preset, a wrong type, or a value outside its domain.
    """
    from_file = {} if config_file is None else dict(read_settings(config_file))
    named = from_file.pop("preset", None)
    preset = preset or named
    from_preset = {} if preset is None else dict(read_settings(preset_path(preset)))
    from_preset.pop("preset", None)
    given = {name: value for name, value in flags.items() if value is not None}
    return [
        Layer(f"preset {preset}", from_preset),
        Layer(f"config {config_file}", from_file),
        Layer("", given),
    ]


def _refuse_idle(values: Values, method: str, *, flags: bool) -> None:
    """Refuse what the method would ignore."""
    alone, remedy = (_OTHERS_ALONE, "name one with --method") if method == OURS else (_OURS_ALONE, "")
    for name in alone:
        # An empty setting of the baselines contradicts nothing.
        if name in values and (method != OURS or values[name]):
            shown = ("--param" if name == "params" else "--" + name.replace("_", "-")) if flags else name
            owner = "the baselines" if method == OURS else f"the method {OURS}"
            raise UsageError(f"{shown} is a setting of {owner}, not of {method}", remedy or "leave it out")


@contextmanager
def _naming(source: str) -> Iterator[None]:
    """Name the source of a setting in the message about it."""
    try:
        yield
    except UsageError as error:
        raise UsageError(f"{source}{error.message}", error.remedy) from error


def read_settings(path: Path) -> Values:
    """Read a TOML file of settings and check each of them.

    Raises:
        InputError: The file is missing or not TOML.
        UsageError: An unknown key, a wrong type, or a value outside its domain.
    """
    values = _load(path)
    types = {**setting_types(OWNERS), "preset": str, "params": dict}
    for name, value in values.items():
        if name not in types:
            raise UsageError(f"config {path}: unknown key {name!r}", nearest(name, tuple(types)))
        expected = types[name]
        if name == "noise" and value == AUTO:
            continue
        if type(value) is not expected and not (expected is float and type(value) is int):
            raise UsageError(f"config {path}: {name} must be {KINDS[expected]}, got {value!r}")
    with _naming(f"config {path}: "):
        _settings({name: value for name, value in values.items() if name != "preset"})
    return values


def _load(path: Path) -> Values:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError as error:
        raise InputError(f"config {path}: no such file", "check the name") from error
    except OSError as error:
        raise InputError(f"config {path} cannot be read ({error.strerror})", "check the name") from error
    except (ValueError, RecursionError) as error:  # TOMLDecodeError, UnicodeDecodeError
        raise InputError(f"config {path} is not valid TOML ({error})", "correct that line") from error


def _settings(values: Values) -> Settings:
    if "noise" in values:
        values = {**values, "noise": _to_unit_range(values["noise"])}
    require_choice("method", values.get("method", OURS), METHODS)
    return Settings(
        settings_of(Config, values), settings_of(MaskSettings, values), settings_of(MethodSettings, values)
    )


def _to_unit_range(noise: float | str) -> float | None:
    if isinstance(noise, str):
        return None
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
    return tuple(sorted(path.stem for path in preset_folder().glob("[!.]*.toml")))


def preset_path(name: str) -> Path:
    """Return the file of a preset.

    Raises:
        UsageError: There is none of that name; the message offers the nearest.
    """
    require_choice("preset", name, preset_names())
    return preset_folder() / f"{name}.toml"
