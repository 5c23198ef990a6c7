from __future__ import annotations

import numpy as np
import torch

from edlrr_cli.tasks.bgsep.mask import cast_shadow, clean


def test_small_areas_and_small_holes_go():
    mask = np.zeros((20, 20), bool)
    mask[2:12, 2:12] = True
    mask[5:7, 5:7] = False
    mask[15, 15:18] = True
    cleaned = clean(mask, min_blob_px=5)
    assert cleaned[5:7, 5:7].all()
    assert not cleaned[15].any()
    assert (clean(mask, min_blob_px=0) == mask).all()


def test_all_and_nothing_stay():
    for mask in (np.ones((4, 4), bool), np.zeros((4, 4), bool)):
        assert (clean(mask, min_blob_px=3) == mask).all()


def test_a_shadow_keeps_the_color():
    background = torch.tensor([0.8, 0.6, 0.4]).expand(1, 1, 4, 3)
    frame = background * torch.tensor([0.6, 1.0, 0.2, 0.6]).view(1, 1, 4, 1)
    frame = frame.clone()
    frame[0, 0, 3] = torch.tensor([0.2, 0.6, 0.5])
    assert cast_shadow(frame, background).flatten().tolist() == [True, False, False, False]
