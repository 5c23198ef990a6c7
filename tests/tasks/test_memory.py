from __future__ import annotations

import numpy as np
import pytest
import torch

from edlrr_cli.tasks import memory
from edlrr_cli.tasks.inpaint import restore
from edlrr_cli.tasks.inpaint.config import Config
from edlrr_cli.tasks.inpaint.problem import InpaintProblem
from edlrr_cli.tasks.memory import in_batches, most_at_once

FULL = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.")


def holding(most, error=FULL):
    """Return a call for which a GPU has memory for so many items, and what it was asked for."""
    asked = []

    def call(items):
        asked.append(len(items))
        if len(items) > most:
            raise error
        return [10 * item for item in items]

    return call, asked


@pytest.mark.parametrize(
    ("room", "asked"),
    [(9, [4, 4, 2]), (2, [4, 2, 2, 2, 2, 2]), (1, [4, 2, *[1] * 10]), (3, [4, 2, 2, 2, 2, 2])],
)
def test_batches_are_halved_until_they_fit_and_stay_so(room, asked, caplog):
    call, reported = holding(room)
    assert in_batches(call, list(range(10)), most=4) == [10 * item for item in range(10)]
    assert reported == asked
    warnings = [record.message for record in caplog.records]
    assert len(warnings) == {9: 0, 2: 1, 1: 2, 3: 1}[room]
    if warnings:
        assert warnings[0] == "GPU memory is too small for a batch of 4 images; the batch size is now 2"


def test_what_does_not_fit_alone_is_reported():
    call, reported = holding(0)
    with pytest.raises(torch.OutOfMemoryError):
        in_batches(call, [1, 2, 3], most=3)
    assert reported == [3, 1]


def test_other_faults_end_it():
    call, reported = holding(0, RuntimeError("something else"))
    with pytest.raises(RuntimeError, match="something else"):
        in_batches(call, [1, 2, 3], most=3)
    assert reported == [3]


def test_nothing_is_nothing():
    assert in_batches(lambda items: pytest.fail("called"), [], most=3) == []


def test_a_cpu_takes_one_at_a_time_and_a_gpu_many_small_ones():
    assert most_at_once(torch.device("cpu"), 100) == 1
    assert most_at_once(torch.device("cuda"), 300 * 300) > 32
    assert most_at_once(torch.device("cuda"), 10**8) == 1


def test_images_too_many_for_the_memory_are_restored_in_smaller_batches(monkeypatch):
    """As on a GPU that holds two of them."""
    monkeypatch.setitem(memory._AT_ONCE_PX, "cpu", 1e6)
    whole, asked = restore._restore_whole, []

    def small(images, *rest):
        asked.append(len(images))
        if len(images) > 2:
            raise FULL
        return whole(images, *rest)

    monkeypatch.setattr(restore, "_restore_whole", small)
    image = np.random.default_rng(0).random((5, 12, 12, 3))
    known = np.random.default_rng(1).random((12, 12)) < 0.7
    config = Config(quality="fast", steps=5)
    results = restore.restore_each([InpaintProblem(of, known) for of in image], config)
    assert asked == [5, 2, 2, 1]
    for result, of in zip(results, image, strict=True):
        np.testing.assert_allclose(result.restored, restore.restore(of, known, config).restored, atol=1e-3)
