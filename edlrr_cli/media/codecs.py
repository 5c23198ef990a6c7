"""Names of the codecs and containers in which videos are written; importable without numpy."""

from __future__ import annotations

from edlrr_cli.errors import UsageError

#: Codecs by name, each with FFmpeg's encoder.
CODECS = {"h264": "libx264", "h265": "libx265", "vp9": "libvpx-vp9", "ffv1": "ffv1"}
#: Containers by suffix, each with the codecs that players expect in it; the first is the default.
CONTAINERS = {
    ".mp4": ("h264", "h265"),
    ".mov": ("h264", "h265"),
    ".mkv": ("h264", "h265", "vp9", "ffv1"),
    ".webm": ("vp9",),
}
#: The most bits per channel that each codec keeps; h264 and vp9 are written with 8, which players expect.
MOST_BITS = {"h264": 8, "h265": 10, "vp9": 8, "ffv1": 16}
#: The worst constant rate factor.
LARGEST_QUALITY = 51


def container_for(codec: str | None) -> str:
    """Return the suffix of the first container that supports the codec.

    Args:
        codec: One of `CODECS`; None for any.

    Example:
        >>> container_for("h265"), container_for("ffv1"), container_for(None)
        ('.mp4', '.mkv', '.mp4')
    """
    return next(suffix for suffix, codecs in CONTAINERS.items() if codec is None or codec in codecs)


def check_encoding(suffix: str, codec: str | None, quality: int) -> None:
    """Check that the container supports the codec and that the quality is in range.

    Args:
        suffix: One of `CONTAINERS`.
        codec: One of `CODECS`; None for the default of the container.
        quality: Constant rate factor.

    Raises:
        UsageError: The container does not support the codec, or the quality is out of range.
    """
    if codec is not None and codec not in CONTAINERS[suffix]:
        raise UsageError(
            f"codec {codec!r} is not supported in {suffix}", f"use {', '.join(CONTAINERS[suffix])}"
        )
    if not 0 <= quality <= LARGEST_QUALITY:
        raise UsageError(
            f"quality must be between 0 and {LARGEST_QUALITY}, got {quality}", "18 is visually lossless"
        )
