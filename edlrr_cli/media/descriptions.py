"""Image descriptions that document the layout of their own file, and are wrong in any other."""

from __future__ import annotations

import json
import re

_TIFFFILE = "tifffile"
# Patterns by the program that writes them; readers derive pages, tiles or channels from such texts.
_PATTERNS = {
    "ImageJ": r"\AImageJ=",
    "OME": r"OME>\s*\Z",
    "Leica": r"</scn>\s*\Z",
    "Aperio": r"\AAperio ",
    "MetaSeries": r"\A<MetaData>.*</MetaData>\s*\Z",
    "ScanImage": r"\A(state\.|SI\.|scanimage\.)|^scanimage\.SI",
    "PerkinElmer": r"<PerkinElmer-QPI",
    "Ventana": r"\Alevel=\d+ mag=",
    "FluoView": r"\[Intensity Mapping\]",
    _TIFFFILE: r'\A\{.*"shape":|\Ashape=\(',
}
_LAYOUT_KEYS = {"shape", "axes", "truncated"}


def layout_writer(text: str) -> str:
    """Return the program that wrote a layout description; empty for an ordinary description.

    Example:
        >>> layout_writer("ImageJ=1.54f images=5"), layout_writer("The old bridge")
        ('ImageJ', '')
    """
    found = (
        name for name, pattern in _PATTERNS.items() if re.search(pattern, text, re.DOTALL | re.MULTILINE)
    )
    return next(found, "")


def is_only_layout(text: str) -> bool:
    """Whether a description holds nothing but the layout, as the shape that tifffile writes does.

    Example:
        >>> is_only_layout('{"shape": [5, 40, 60]}'), is_only_layout('{"shape": [5], "gain": 2}')
        (True, False)
    """
    if layout_writer(text) != _TIFFFILE:
        return False
    try:
        keys = json.loads(text).keys()
    except (ValueError, AttributeError):
        return text.startswith("shape=")
    return set(keys) <= _LAYOUT_KEYS
