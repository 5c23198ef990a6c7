"""Plug-ins of Pillow for formats that it does not read itself; the user installs them."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from edlrr_cli.errors import InputError

NUM_MAGIC_BYTES = 64
"""Bytes at the start of a file that identify the format."""

_HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx")
_JXL_MAGICS = (b"\xff\x0a", b"\0\0\0\x0cJXL \r\n\x87\n")


@dataclass(frozen=True)
class Plugin:
    """A plug-in of Pillow.

    Attributes:
        format: Pillow's name of the format that it reads.
        title: The usual name of the format.
        package: Its name for pip.
        module: What is imported.
        register: Function of the module that adds the format to Pillow; empty if importing does.
    """

    format: str
    title: str
    package: str
    module: str
    register: str = ""

    @property
    def is_installed(self) -> bool:
        """Whether it can be imported."""
        return find_spec(self.module) is not None

    def load(self, path: Path) -> str:
        """Add the format to Pillow, and return its name.

        Args:
            path: The file that needs it, for messages.

        Raises:
            InputError: It is not installed, or does not work.
        """
        if not self.is_installed:
            raise InputError(
                f"{path} is {self.title}, which Pillow reads with the plug-in {self.package} only",
                f"pip install {self.package}, or convert the file to PNG",
            )
        try:
            module = import_module(self.module)
            if self.register:
                getattr(module, self.register)()
        except Exception as error:  # a plug-in may raise anything
            raise InputError(
                f"{path}: the plug-in {self.package} does not work ({error})", "install it again"
            ) from error
        return self.format


HEIC = Plugin("HEIF", "HEIC", "pillow-heif", "pillow_heif", register="register_heif_opener")
JPEG_XL = Plugin("JXL", "JPEG XL", "pillow-jxl-plugin", "pillow_jxl")
PLUGINS = (HEIC, JPEG_XL)


def plugin_for(magic: bytes) -> Plugin | None:
    """Return the plug-in that a file needs, from its first `NUM_MAGIC_BYTES`; None for most."""
    if magic.startswith(_JXL_MAGICS):
        return JPEG_XL
    brands = [magic[start : start + 4] for start in (8, *range(16, NUM_MAGIC_BYTES, 4))]
    is_heic = magic[4:8] == b"ftyp" and any(brand in _HEIC_BRANDS for brand in brands)
    return HEIC if is_heic else None
