"""``edlrr train``: weights, log, curve, checkpoints, signals, several processes, and what is refused."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
from PIL import Image

from edlrr_cli.errors import EXIT_INPUT, EXIT_INTERRUPTED, EXIT_NUMERICS, EXIT_OUTPUT, EXIT_USAGE
from edlrr_cli.media.weights import read_weights
from edlrr_cli.pipelines.train import run as runner

SMALL = ["--arch", "dncnn", "--depth", "4", "--width", "4", "--sigma", "25", "--device", "cpu"]
SMALL += ["--patch-px", "16", "--batch", "2", "--held-out", "2"]


@pytest.fixture
def folder(tmp_path):
    """Eight small images, one of them colored."""
    generator = np.random.default_rng(0)
    home = tmp_path / "images"
    home.mkdir()
    for index in range(8):
        coarse = generator.integers(0, 256, (3, 4, 3 if index == 7 else 1), dtype=np.uint8)
        image = Image.fromarray(coarse[..., 0] if index < 7 else coarse)
        image.resize((32, 24), Image.Resampling.BICUBIC).save(home / f"{index}.png")
    return home


def command(folder, output, *more, steps=40):
    length = [] if "--time-budget" in more else ["--steps", str(steps)]
    return ["train", "--data", str(folder), "-o", str(output), *SMALL, *length, *more]


def start(arguments, **settings):
    return subprocess.Popen(
        [sys.executable, "-m", "edlrr_cli", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **settings,
    )


def log_of(path):
    with path.open() as stream:
        return list(csv.DictReader(stream))


def same_tensors(one, other):
    mine, its = read_weights(one).tensors, read_weights(other).tensors
    return mine.keys() == its.keys() and all(torch.equal(mine[name], its[name]) for name in mine)


def test_a_run_leaves_weights_log_and_curve(run, folder, tmp_path):
    result = run(*command(folder, tmp_path / "m.safetensors", "--lam", "0.1", "--json"))
    assert result.exit_code == 0, result.stderr
    assert sorted(path.name for path in tmp_path.iterdir() if path != folder) == [
        "m.csv",
        "m.png",
        "m.safetensors",
    ]
    about = read_weights(tmp_path / "m.safetensors").about
    assert about["arch"] == "dncnn"
    assert (about["depth"], about["width"], about["sigma"]) == (4, 4, [25, 25])
    assert about["settings"]["lam"] == 0.1
    record = json.loads(result.stdout)
    assert record["psnr"] == about["psnr"]
    rows = log_of(tmp_path / "m.csv")
    assert [int(row["step"]) for row in rows] == list(range(2, 41, 2))
    assert all(float(row["psnr"]) > 0 and float(row["rank"]) > 0 for row in rows if row["rank"])
    assert float(rows[-1]["data"]) < float(rows[0]["data"])
    with Image.open(tmp_path / "m.png") as curve:
        assert curve.size == (1320, 504)


def test_a_killed_run_goes_on_to_the_same_weights(run, folder, tmp_path, monkeypatch):
    assert run(*command(folder, tmp_path / "whole.safetensors", steps=20)).exit_code == 0
    monkeypatch.setattr(runner, "_CHECKPOINT_S", 0.0)
    steps = iter(range(1000))

    def dies(self, state, save=runner.Files.save_checkpoint):
        save(self, state)
        if next(steps) == 7:
            raise RuntimeError("killed")

    monkeypatch.setattr(runner.Files, "save_checkpoint", dies)
    assert run(*command(folder, tmp_path / "half.safetensors", steps=20)).exit_code == 1
    assert not (tmp_path / "half.safetensors").exists()
    result = run(*command(folder, tmp_path / "half.safetensors", "--resume", steps=20))
    assert result.exit_code == 0, result.stderr
    assert same_tensors(tmp_path / "whole.safetensors", tmp_path / "half.safetensors")
    logs = [log_of(tmp_path / f"{name}.csv") for name in ("whole", "half")]
    for whole, half in zip(*logs, strict=True):
        assert {**whole, "seconds": 0} == {**half, "seconds": 0}
    assert not (tmp_path / "half.checkpoint").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_and_the_system_leave_a_checkpoint(run, folder, tmp_path, number):
    output = tmp_path / "m.safetensors"
    process = start(command(folder, output, steps=100_000))
    deadline = time.monotonic() + 60
    while not (tmp_path / "m.checkpoint").exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    process.send_signal(number)
    _, reported = process.communicate(timeout=300)
    assert process.returncode == EXIT_INTERRUPTED, reported
    assert "--resume goes on" in reported
    assert (tmp_path / "m.checkpoint").exists()
    refused = run(*command(folder, output, steps=100_000))
    assert refused.exit_code == EXIT_OUTPUT
    assert "--resume" in refused.stderr


def test_a_time_budget_is_kept(run, folder, tmp_path):
    result = run(*command(folder, tmp_path / "m.safetensors", "--time-budget", "1s", "--json"))
    assert result.exit_code == 0, result.stderr
    assert 1 <= json.loads(result.stdout)["seconds"] < 3


def test_two_processes_train_one_network(folder, tmp_path):
    output = tmp_path / "m.safetensors"
    launcher = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--standalone"]
    arguments = command(folder, output, "--lam", "0.1", steps=6)
    ended = subprocess.run(
        [*launcher, "-m", "edlrr_cli", *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "OMP_NUM_THREADS": "1", "MASTER_ADDR": "127.0.0.1"},
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.count("weights") == 1  # one of them speaks
    assert read_weights(output).about["num_steps"] == 6


@pytest.mark.parametrize(
    ("more", "code", "reported"),
    [
        (["--arch", "dncn"], EXIT_USAGE, "did you mean 'dncnn'"),
        (["--sigma", "50-25"], EXIT_USAGE, "not a range"),
        (["--time-budget", "60"], EXIT_USAGE, "write 90s, 60m or 1.5h"),
        (["--reg", "nucler"], EXIT_USAGE, "did you mean 'nuclear'"),
        (["--resume"], EXIT_INPUT, "start without --resume"),
        (["--patch-px", "64"], EXIT_USAGE, "no image is as large as a patch"),
        (["--held-out", "8"], EXIT_USAGE, "give a folder of more images"),
        (["--lr", "1e30"], EXIT_NUMERICS, "lower --lr"),
        (["--scale", "1.5"], EXIT_USAGE, "scale must be more than 0, at most 1"),
        (["--camera", "0.5"], EXIT_USAGE, "add --color"),
        (["--color", "--camera", "1.5"], EXIT_USAGE, "camera must be a fraction"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_line(run, folder, tmp_path, more, code, reported):
    result = run(*command(folder, tmp_path / "m.safetensors", *more))
    assert result.exit_code == code, result.stderr
    assert reported in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert not (tmp_path / "m.safetensors").exists()


def test_neither_steps_nor_time_is_refused(run, folder, tmp_path):
    arguments = ["train", "--data", str(folder), "-o", str(tmp_path / "m.safetensors")]
    result = run(*arguments)
    assert result.exit_code == EXIT_USAGE
    assert "give either steps or a time budget" in result.stderr


def test_outputs_are_not_replaced_unasked(run, folder, tmp_path):
    (tmp_path / "m.safetensors").write_bytes(b"mine")
    assert run(*command(folder, tmp_path / "m.safetensors", steps=1)).exit_code == EXIT_OUTPUT
    assert (tmp_path / "m.safetensors").read_bytes() == b"mine"
    assert run(*command(folder, tmp_path / "m.pt", steps=1)).exit_code == EXIT_OUTPUT
    assert run(*command(folder, tmp_path / "m.safetensors", "--overwrite", steps=1)).exit_code == 0


def test_a_damaged_or_alien_checkpoint_is_refused(run, folder, tmp_path):
    checkpoint = tmp_path / "m.checkpoint"
    checkpoint.write_bytes(b"no checkpoint")
    result = run(*command(folder, tmp_path / "m.safetensors", "--resume"))
    assert result.exit_code == EXIT_INPUT
    assert "is damaged" in result.stderr
    torch.save({"something": "else"}, checkpoint)
    result = run(*command(folder, tmp_path / "m.safetensors", "--resume"))
    assert result.exit_code == EXIT_INPUT
    assert "is damaged" in result.stderr


def test_a_finished_run_continues_with_more_steps_if_its_checkpoint_is_kept(run, folder, tmp_path):
    output = tmp_path / "m.safetensors"
    assert run(*command(folder, output, "--keep-checkpoint", steps=6)).exit_code == 0
    result = run(*command(folder, output, "--resume", "--json", steps=9))
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout)["num_steps"] == 9
    assert [int(row["step"]) for row in log_of(tmp_path / "m.csv")][-1] == 9
    assert not (tmp_path / "m.checkpoint").exists()


def test_a_network_for_color_is_trained_with_the_noise_of_cameras(run, folder, tmp_path):
    output = tmp_path / "m.safetensors"
    arguments = ["--color", "--camera", "0.5", "--estimated", "0.5", "--scale", "0.9", "--patch-px", "8"]
    result = run(*command(folder, output, *arguments, steps=4))
    assert result.exit_code == 0, result.stderr
    about = read_weights(output).about
    assert about["channels"] == 3
    assert about["settings"]["camera"] == 0.5
    noisy = tmp_path / "noisy.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (24, 30, 3), dtype=np.uint8)).save(noisy)
    assert run("denoise", noisy, "--model", output, "-o", tmp_path / "clean.png").exit_code == 0
    Image.open(noisy).convert("L").save(noisy)
    refused = run("denoise", noisy, "--model", output, "-o", tmp_path / "gray.png")
    assert refused.exit_code == EXIT_USAGE
    assert "the model is for color images" in refused.stderr
