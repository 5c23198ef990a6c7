"""Records: complete, strict, and refused when they are not."""

from __future__ import annotations

import json
import math
import subprocess

import pytest

from edlrr_cli.bench.record import KEYS, MACHINE_KEYS, commit, encode, make_record, read_record
from edlrr_cli.errors import DeviceError, InputError


def a_record(**changes):
    record = make_record(
        "demo", command="edlrr bench demo", device="cpu", parameters={"n": 1}, rows=[{"a": 1}]
    )
    return {**record, **changes}


def test_a_record_says_everything():
    record = a_record()
    assert tuple(record) == KEYS
    assert tuple(record["machine"]) == MACHINE_KEYS
    assert record["machine"]["device"] == "cpu"
    assert record["machine"]["processor"]
    assert record["created"].endswith("+00:00")


def test_what_is_not_finite_becomes_null_at_any_depth(tmp_path):
    rows = [{"psnr": math.inf, "errors": (math.nan, 0.5), "nested": {"x": -math.inf}}]
    (tmp_path / "a.json").write_bytes(encode(a_record(rows=rows)))
    assert read_record(tmp_path / "a.json")["rows"] == [
        {"psnr": None, "errors": [None, 0.5], "nested": {"x": None}}
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", "is not strict JSON"),
        (b"\xff\xfe", "is not strict JSON"),
        (b'{"benchmark": NaN}', "NaN is not JSON"),
        (b"[]", "no 'benchmark'"),
        (json.dumps({key: 1 for key in KEYS if key != "rows"}).encode(), "no 'rows'"),
    ],
)
def test_refuses_other_files(tmp_path, content, message):
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_record(tmp_path / "a.json")


def test_refuses_an_absent_file_and_an_absent_device(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        read_record(tmp_path / "absent.json")
    with pytest.raises(DeviceError):
        make_record("demo", command="", device="tpu", parameters={}, rows=[])


def test_the_commit_tells_changes_of_tracked_files_alone(tmp_path):
    assert commit(tmp_path) is None

    def git(*arguments: str) -> None:
        identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
        subprocess.run(["git", "-C", str(tmp_path), *identity, *arguments], check=True, capture_output=True)

    git("init")
    assert commit(tmp_path) is None  # nothing committed yet
    (tmp_path / "tracked").write_text("1")
    git("add", "tracked")
    git("commit", "-m", "first")
    (tmp_path / "untracked").write_text("1")
    clean = commit(tmp_path)
    assert clean is not None
    assert len(clean) == 40
    (tmp_path / "tracked").write_text("2")
    assert commit(tmp_path) == f"{clean}+dirty"
