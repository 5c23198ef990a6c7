from __future__ import annotations

import numpy as np
import torch

from edlrr_cli.tasks.bgsep.mask import cast_shadow, clean, follow_edges


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


def test_holes_of_large_objects_are_closed_and_gaps_are_not():
    mask = np.zeros((40, 40), bool)
    mask[2:38, 2:38] = True
    mask[10:18, 10:18] = False  # 5 % of the area around it
    assert clean(mask, min_blob_px=30)[10:18, 10:18].all()
    mask[10:30, 10:30] = False
    assert not clean(mask, min_blob_px=30)[10:30, 10:30].any()
    open_bay = np.ones((20, 60), bool)
    open_bay[:6, 20:26] = False
    assert (clean(open_bay, min_blob_px=30) == open_bay).all()


def test_an_image_smaller_than_a_blob_is_no_hole():
    assert not clean(np.zeros((4, 5), bool), min_blob_px=30).any()


def test_outlines_move_to_the_edges_of_the_frame():
    frame = torch.full((1, 40, 40, 3), 0.2)
    frame[:, 10:30, 10:30] = 0.9
    ragged = torch.zeros(1, 40, 40, dtype=torch.bool)
    ragged[:, 9:31, 9:31] = True
    ragged[:, 10:12, 14:17] = False
    followed = follow_edges(ragged, frame)[0]
    wanted = frame[0, ..., 0] > 0.5
    assert (followed != wanted).sum() < 0.7 * (ragged[0] != wanted).sum()
    assert followed[10:12, 14:17].all()
