import random
from contextlib import suppress

import pytest
import torch
from safetensors.torch import save

from edlrr_cli.errors import InputError, OutputError
from edlrr_cli.media.weights import read_weights, write_weights

TENSORS = {"first.weight": torch.arange(12.0).reshape(3, 4), "second": torch.tensor([0.5, -1.0])}
ABOUT = {"arch": "light", "sigma": [0, 75], "name": "σ"}


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "m.safetensors"
    write_weights(path, TENSORS, ABOUT)
    return path


def test_weights_are_read_as_they_were_written(model):
    weights = read_weights(model)
    assert weights.about == ABOUT
    assert weights.tensors.keys() == TENSORS.keys()
    assert all(torch.equal(weights.tensors[name], TENSORS[name]) for name in TENSORS)


def test_half_precision_becomes_single(tmp_path):
    write_weights(tmp_path / "m.safetensors", {"w": torch.ones(2, dtype=torch.float16)}, ABOUT)
    assert read_weights(tmp_path / "m.safetensors").tensors["w"].dtype == torch.float32


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "damaged"),
        (b"PK\x03\x04 not at all", "damaged"),
        (b"\xff" * 64, "damaged"),
        (save(TENSORS), "holds no model of edlrr"),
        (save(TENSORS, metadata={"edlrr": "{"}), "holds no model of edlrr"),
        (save(TENSORS, metadata={"edlrr": "[1]"}), "holds no model of edlrr"),
        (save({"w": torch.tensor([float("nan")])}, metadata={"edlrr": "{}"}), "w holds NaN"),
        (save({"w": torch.tensor([1])}, metadata={"edlrr": "{}"}), "w holds NaN, Inf or integers"),
    ],
)
def test_files_that_are_no_model_are_refused(tmp_path, content, told):
    path = tmp_path / "m.safetensors"
    path.write_bytes(content)
    with pytest.raises(InputError, match=told) as caught:
        read_weights(path)
    assert str(path) in caught.value.message


def test_missing_files_and_folders_are_refused(tmp_path):
    with pytest.raises(InputError, match="No such file"):
        read_weights(tmp_path / "none.safetensors")
    with pytest.raises(InputError, match="is a folder"):
        read_weights(tmp_path)


def test_a_file_that_cannot_be_written_leaves_nothing(tmp_path):
    with pytest.raises(OutputError):
        write_weights(tmp_path / "none" / "m.safetensors", TENSORS, ABOUT)
    assert list(tmp_path.iterdir()) == []


def test_damaged_files_are_refused_or_read_but_nothing_else(model):
    content, rng = model.read_bytes(), random.Random(0)
    for _ in range(300):
        damaged = bytearray(content)
        for _ in range(rng.randint(1, 4)):
            damaged[rng.randrange(len(damaged))] = rng.randrange(256)
        del damaged[rng.randint(len(damaged) // 2, 2 * len(damaged)) :]
        model.write_bytes(damaged)
        with suppress(InputError):
            read_weights(model)
