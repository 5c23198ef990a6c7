"""The registry of this folder: where each file comes from, its licence, its checksum."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import skimage

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

FOLDER = Path(__file__).parent
REGISTRY = FOLDER / "REGISTRY.toml"
HEAD = "# Every file of this folder but its scripts and this registry, which they write.\n"


@dataclass(frozen=True)
class Entry:
    """One file of the registry."""

    file: str
    kind: str
    origin: str
    author: str
    licence: str
    made: str


def record(entries: Iterable[Entry]) -> None:
    """Put files into the registry with their checksums, instead of files of the same name."""
    known = tomllib.loads(REGISTRY.read_text(encoding="utf-8"))["files"] if REGISTRY.exists() else []
    files = {fields["file"]: fields for fields in known}
    files.update({entry.file: {**asdict(entry), "sha256": _checksum(entry.file)} for entry in entries})
    tables = ["[[files]]\n" + _lines(files[name]) for name in sorted(files)]
    head = HEAD + _lines({"scikit_image": skimage.__version__})
    REGISTRY.write_text("\n".join([head, *tables]), encoding="utf-8")


def _checksum(file: str) -> str:
    return hashlib.sha256((FOLDER / file).read_bytes()).hexdigest()


def _lines(fields: dict[str, str]) -> str:
    return "".join(f'{key} = "{value}"\n' for key, value in fields.items())
