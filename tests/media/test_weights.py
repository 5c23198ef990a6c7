import json
import random
from contextlib import suppress

import pytest
import torch
from safetensors.torch import save

from edlrr_cli.errors import InputError, OutputError
from edlrr_cli.media.weights import read_weights, write_weights

TENSORS = {"first.weight": torch.arange(12.0).reshape(3, 4), "second": torch.tensor([0.5, -1.0])}
ABOUT = {"arch": "light", "sigma": [0, 75], "name": "σ"}


def headed(header: dict, body: bytes = b"") -> bytes:
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + body


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


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float8_e4m3fn])
def test_less_precision_becomes_single(tmp_path, dtype):
    write_weights(tmp_path / "m.safetensors", {"w": torch.ones(2).to(dtype)}, ABOUT)
    assert read_weights(tmp_path / "m.safetensors").tensors["w"].dtype == torch.float32


@pytest.mark.parametrize(
    ("content", "reported"),
    [
        (b"", "damaged"),
        (b"PK\x03\x04 not at all", "damaged"),
        (b"\xff" * 64, "damaged"),
        (save(TENSORS), "contains no edlrr model"),
        (save(TENSORS, metadata={"edlrr": "{"}), "contains no edlrr model"),
        (save(TENSORS, metadata={"edlrr": "[1]"}), "contains no edlrr model"),
        (save({"w": torch.tensor([float("nan")])}, metadata={"edlrr": "{}"}), "w contains NaN"),
        (save({"w": torch.tensor([1])}, metadata={"edlrr": "{}"}), "w contains NaN, Inf or integers"),
        (
            save({"w": torch.tensor(1e300, dtype=torch.double)}, metadata={"edlrr": "{}"}),
            "w contains NaN, Inf",
        ),
        (headed({"w": {"dtype": "F32", "shape": [1] * 99, "data_offsets": [0, 4]}}, bytes(4)), "64 dims"),
        (headed({"w": {"dtype": "F32", "shape": [0, 2**63], "data_offsets": [0, 0]}}), "damaged"),
        (headed({"__metadata__": {"edlrr": "[" * 100_000}}), "contains no edlrr model"),
        ((2**63).to_bytes(8, "little") + b"{}", "damaged"),
    ],
)
def test_files_that_are_no_model_are_refused(tmp_path, content, reported):
    path = tmp_path / "m.safetensors"
    path.write_bytes(content)
    with pytest.raises(InputError, match=reported) as caught:
        read_weights(path)
    assert str(path) in caught.value.message
    assert len(str(caught.value)) < len(str(path)) + 200  # no call stack


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
