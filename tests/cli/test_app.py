"""The boundary: help without heavy imports, one line per error, its exit code, Ctrl-C, broken pipes."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import click
import pytest

from edlrr_cli import __version__, errors
from edlrr_cli.cli.app import reported
from edlrr_cli.tasks.inpaint import restore as task

HEAVY = {"torch", "numpy", "skimage", "scipy", "matplotlib", "PIL"}


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["inpaint", "--help"],
        ["bgsep", "-h"],
        ["mask", "-h"],
        ["show", "-h"],
        ["show", "reg", "-h"],
    ],
)
def test_help_is_immediate(arguments):
    code = (
        "import sys, time; start = time.process_time()\n"
        "from edlrr_cli.cli.app import edlrr\n"
        f"try: edlrr({arguments!r})\n"
        "except SystemExit as end: assert end.code == 0\n"
        f"print({HEAVY!r} & set(sys.modules), time.process_time() - start, file=sys.stderr)"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded, seconds = ended.stderr.rsplit(" ", 1)
    assert loaded == "set()"
    assert float(seconds) < 1
    assert ended.stdout.startswith("Usage: edlrr")


def test_version_and_bare_call(run):
    assert run("--version").stdout == f"edlrr, version {__version__}\n"
    assert run().stdout == run("--help").stdout
    assert run("show").stdout == run("show", "--help").stdout
    assert run().exit_code == 0


def test_help_documents_every_exit_code(run):
    text = run("--help").stdout
    for name, code in vars(errors).items():
        if name.startswith("EXIT_"):
            assert f"\n    {code} " in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["inpant"], "unknown command 'inpant'; did you mean 'inpaint'?"),
        (["show", "rge"], "unknown command 'rge'; did you mean 'reg'?"),
        (["inpaint", "a.png", "--mask", "m.png", "--stesp", "3"], "--steps"),
        (["inpaint", "a.png"], "nothing marks the hole; give --mask, --box or --mask-color"),
        (["inpaint", "a.png", "--mask", "m.png", "--steps", "ten"], "'ten' is not a valid integer"),
        (["inpaint", "a.png", "--mask", "m.png", "--reg", "laguerre-gama"], "did you mean 'laguerre-gamma'?"),
        (["inpaint", "a.png", "--mask", "m.png", "--preset", "txt"], "did you mean 'text'?"),
        (["inpaint", "a.png", "--mask", "m.png", "--fill", "black"], "'biharmonic'"),
        (["inpaint", "a.png", "--mask", "m.png", "--lr", "-1"], "lr must be more than 0, got -1"),
        (
            ["inpaint", "a.png", "--mask", "m.png", "--noise", "300"],
            "noise must be between 0 and 255, got 300",
        ),
        (
            ["inpaint", "a.png", "--mask", "m.png", "--noise", "nan"],
            "noise must be between 0 and 255, got nan",
        ),
    ],
)
def test_usage_errors_are_one_line_with_a_hint(refused, arguments, message):
    assert message in refused(errors.EXIT_USAGE, *arguments)


@pytest.mark.parametrize(
    ("error", "exit_code", "message"),
    [
        (errors.DeviceError("no cuda", "take cpu"), 5, "edlrr: error: no cuda; take cpu"),
        (errors.NumericsError("NaN at step 3"), 6, "edlrr: error: NaN at step 3"),
        (click.Abort(), 130, "edlrr: interrupted: "),
        (MemoryError(), 1, "edlrr: error: out of memory; "),
        (type("OutOfMemoryError", (RuntimeError,), {})("CUDA"), 1, "edlrr: error: out of memory; "),
        (RuntimeError("x DefaultCPUAllocator: can't allocate memory: y"), 1, "edlrr: error: out of memory; "),
        (KeyError("a\nb"), 1, "edlrr: internal error: KeyError: "),
    ],
)
def test_every_exception_has_a_line_and_a_code(error, exit_code, message):
    fault = reported(error)
    assert fault.exit_code == exit_code
    assert fault.line().startswith(message)
    assert "\n" not in fault.line()


def test_internal_error_shows_its_traceback_only_on_request(run, refused, scene, monkeypatch):
    def broken(*_, **__):
        raise IndexError("list index out of range")

    monkeypatch.setattr(task, "restore", broken)
    line = refused(1, *scene.arguments("--quiet"))
    assert line == (
        "edlrr: internal error: IndexError: list index out of range; run again with --debug and report it\n"
    )
    with pytest.raises(AssertionError, match="Traceback"):
        run(*scene.arguments("--quiet", "--debug"))
    assert not scene.restored.exists()


def test_json_says_errors_too(run, scene):
    result = run("inpaint", scene.damaged, "--mask", "absent.png", "--json")
    assert result.exit_code == errors.EXIT_INPUT
    record = json.loads(result.stdout)
    assert record == {
        "status": "error",
        "error": "absent.png: no such file",
        "remedy": "check the name",
        "exit_code": 3,
        "version": __version__,
    }
    assert result.stderr == "edlrr: error: absent.png: no such file; check the name\n"


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_ctrl_c_leaves_nothing_behind(scene):
    before = sorted(path.name for path in scene.folder.iterdir())
    arguments = [*scene.arguments("--json"), "--steps", "10000000"]
    with subprocess.Popen(
        [sys.executable, "-m", "edlrr_cli", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as process:
        message = process.stderr.readline()  # the evidence about the mask: computing comes next
        time.sleep(4)
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=300)
    assert "marks the hole" in message
    # Python may end itself by the signal after the line is out; a shell reads 130 from both.
    assert process.returncode in (errors.EXIT_INTERRUPTED, -signal.SIGINT)
    assert stderr.strip() == "edlrr: interrupted: nothing is left half-written"
    assert json.loads(stdout)["exit_code"] == errors.EXIT_INTERRUPTED
    assert sorted(path.name for path in scene.folder.iterdir()) == before


def test_ctrl_c_before_the_boundary_shows_no_traceback():
    code = (
        "import sys, edlrr_cli.__main__ as script\n"
        "class Interrupt:\n"
        "    def find_spec(self, *_): raise KeyboardInterrupt\n"
        "sys.meta_path.insert(0, Interrupt())\n"
        "script.main()"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (ended.returncode, ended.stdout, ended.stderr) == (errors.EXIT_INTERRUPTED, "", "")


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX pipes")
def test_a_broken_pipe_is_silent():
    with subprocess.Popen(
        [sys.executable, "-m", "edlrr_cli", "--help"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        process.stdout.close()
        process.wait(timeout=300)
        assert process.stderr.read() == b""


def test_module_and_script_are_one(spawn):
    ended = spawn("--version")
    assert (ended.returncode, ended.stdout) == (0, f"edlrr, version {__version__}\n")


def test_completion_offers_names(monkeypatch):
    environment = {"_EDLRR_COMPLETE": "bash_complete", "COMP_WORDS": "edlrr show reg lag", "COMP_CWORD": "3"}
    code = "from edlrr_cli.__main__ import main; main()"
    ended = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={**environment, "PATH": "/usr/bin:/bin"},
        cwd=Path(__file__).parents[2],
    )
    assert "plain,laguerre-gamma" in ended.stdout
    assert "taylor" not in ended.stdout


def test_an_interrupted_program_does_not_wait_for_its_threads():
    """As of a large image, whose windows are at work for seconds."""
    code = """
import sys, threading
import edlrr_cli.cli.app, edlrr_cli.__main__
from edlrr_cli.parallel import NAME

def interrupted():
    threading.Thread(target=threading.Event().wait, name=NAME + "_0").start()
    sys.stdout.write("written")
    sys.exit(130)

edlrr_cli.cli.app.edlrr = interrupted
edlrr_cli.__main__.main()
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
    assert (ended.returncode, ended.stdout, ended.stderr) == (130, "written", "")
