"""Denoisers of other libraries for a given noise level: scikit-image's, and BM3D by its authors.

Importable without numpy.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from edlrr_cli.errors import UsageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Pixels = NDArray[np.float64]

# Weight of the total variation per sigma: the best mean on Set12 at 15, 25 and 50 among 0.6, 0.7 .. 1.2.
_TV_WEIGHT = 0.8
# Strength of the non-local means per sigma, patch side and search radius, as scikit-image recommends.
_NLM_STRENGTH, _NLM_PATCH_PX, _NLM_DISTANCE_PX = 0.8, 5, 6
# The library crashes on smaller images.
_BM3D_MIN_SIDE_PX = 12


def denoise_tv(pixels: Pixels, sigma: float) -> Pixels:
    """Minimize the total variation.

    Args:
        pixels: Shape (h, w, c), nominally in [0, 1]. Not modified.
        sigma: Standard deviation of the noise, on the same scale.

    Returns:
        Shape of the pixels.

    Source: Chambolle, "An algorithm for total variation minimization and applications", 2004, by
        `skimage.restoration.denoise_tv_chambolle`.
    """
    from skimage.restoration import denoise_tv_chambolle as minimize

    return _array(minimize(pixels, weight=_TV_WEIGHT * sigma, channel_axis=-1))  # type: ignore[no-untyped-call]


def denoise_nlm(pixels: Pixels, sigma: float) -> Pixels:
    """Average pixels with similar neighborhoods; an image smaller than a patch is returned unchanged.

    Args and returns: as in `denoise_tv`.

    Source: Buades, Coll, Morel, "A non-local algorithm for image denoising", 2005, by
        `skimage.restoration.denoise_nl_means`, in its fast form.
    """
    from skimage.restoration import denoise_nl_means

    if min(pixels.shape[:2]) < _NLM_PATCH_PX:
        return pixels.copy()
    denoised = denoise_nl_means(
        pixels,
        patch_size=_NLM_PATCH_PX,
        patch_distance=_NLM_DISTANCE_PX,
        h=_NLM_STRENGTH * sigma,
        sigma=sigma,
        fast_mode=True,
        channel_axis=-1,
    )
    return _array(denoised).reshape(pixels.shape)


def denoise_wavelet(pixels: Pixels, sigma: float) -> Pixels:
    """Shrink wavelet coefficients.

    Args and returns: as in `denoise_tv`.

    Source: Chang, Yu, Vetterli, "Adaptive wavelet thresholding for image denoising and compression", 2000, by
        `skimage.restoration.denoise_wavelet`.
    """
    from skimage.restoration import denoise_wavelet as shrink

    num_levels = None if min(pixels.shape[:2]) >= 8 else 1
    return _array(shrink(pixels, sigma=sigma, wavelet_levels=num_levels, channel_axis=-1))


def denoise_bm3d(pixels: Pixels, sigma: float) -> Pixels:
    """Shrink groups of similar patches in a 3-D transform.

    Args and returns: as in `denoise_tv`; images too small for the library are returned unchanged.

    Raises:
        UsageError: The library is not installed.

    Source: Dabov et al., "Image denoising by sparse 3-D transform-domain collaborative filtering", 2007, by
        the package ``bm3d`` of its authors, which is free for non-commercial use only.
    """
    try:
        import bm3d
    except ImportError as error:
        raise UsageError("bm3d is not installed", "pip install 'edlrr[bm3d]'") from error
    if min(pixels.shape[:2]) < _BM3D_MIN_SIDE_PX:
        return pixels.copy()
    denoise = bm3d.bm3d_rgb if pixels.shape[2] == 3 else bm3d.bm3d
    return _array(denoise(pixels, sigma)).reshape(pixels.shape)


#: Name -> denoiser of pixels, shape (h, w, c), and noise level.
DENOISERS: dict[str, Callable[[Pixels, float], Pixels]] = {
    "tv": denoise_tv,
    "nlm": denoise_nlm,
    "wavelet": denoise_wavelet,
    "bm3d": denoise_bm3d,
}


def _array(pixels: Any) -> Pixels:
    import numpy as np

    return np.asarray(pixels, dtype=np.float64)
