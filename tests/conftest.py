"""What every test shares: matrices with a chosen spectrum, one tolerance table, the op census."""

from __future__ import annotations

import contextlib
import html
import json
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from edlrr_cli.tasks import memory

# Test matrices are small: a second thread costs more than it brings, above all on a busy machine.
torch.set_num_threads(1)

# Relative tolerance of a result whose condition number is moderate. Anything looser says what was measured.
RTOL = {torch.float32: 2e-5, torch.float64: 1e-12}

SPECTRA: dict[str, Callable[[int], Tensor]] = {
    "flat": lambda count: torch.ones(count, dtype=torch.float64),
    "decaying": lambda count: torch.logspace(0, -3, count, dtype=torch.float64),
    "step": lambda count: torch.where(torch.arange(count) < count // 2, 2.0, 0.02).double(),
    "rank_deficient": lambda count: torch.linspace(2, -1, count, dtype=torch.float64).clamp(min=0),
    "clustered": lambda count: 3 + 1e-7 * torch.arange(count, dtype=torch.float64).flip(0),
    "tiny_tail": lambda count: torch.cat(
        [torch.linspace(2, 1, count - 2, dtype=torch.float64), torch.full((2,), 1e-6, dtype=torch.float64)]
    ),
}

# Parts of op names, each chosen not to sit inside a harmless name: "eig" is in weight, "qr" in sqrt.
FACTORIZATIONS = (
    "svd",
    "linalg_eig",
    "eigh",
    "eigvals",
    "symeig",
    "linalg_qr",
    "aten.qr",
    "linalg_det",
    "slogdet",
    "geqrf",
    "ormqr",
    "cholesky",
    "linalg_lu",
    "lu_factor",
    "lu_unpack",
    "lu_with_info",
    "ldl",
    "inverse",
    "linalg_inv",
    "solve",
    "lstsq",
    "pinv",
    "matrix_rank",
)


@pytest.fixture(scope="session")
def spectra() -> dict[str, Callable[[int], Tensor]]:
    """Deliberately chosen spectra by name: count -> singular values, descending, float64."""
    return SPECTRA


@pytest.fixture(params=sorted(SPECTRA))
def spectrum(request: pytest.FixtureRequest) -> Callable[[int], Tensor]:
    """Run the test once per chosen spectrum."""
    return SPECTRA[request.param]


@pytest.fixture(params=[torch.float32, torch.float64], ids=["float32", "float64"])
def dtype(request: pytest.FixtureRequest) -> torch.dtype:
    """Run the test in both supported precisions."""
    return request.param


@pytest.fixture(scope="session")
def rtol_of() -> dict[torch.dtype, float]:
    """The one tolerance table."""
    return RTOL


@pytest.fixture(scope="session")
def matrix_with_spectrum() -> Callable[..., Tensor]:
    """Factory of m x n matrices with given singular values and random singular vectors."""

    def build(
        singular_values: Sequence[float] | Tensor,
        m: int,
        n: int,
        dtype: torch.dtype = torch.float64,
        seed: int = 0,
    ) -> Tensor:
        sigma = torch.as_tensor(singular_values, dtype=torch.float64)
        count = len(sigma)
        assert count <= min(m, n)
        generator = torch.Generator().manual_seed(seed)
        U, _ = torch.linalg.qr(torch.randn(m, count, generator=generator, dtype=torch.float64))
        V, _ = torch.linalg.qr(torch.randn(n, count, generator=generator, dtype=torch.float64))
        return ((U * sigma) @ V.T).to(dtype)

    return build


class _Census(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()
        self.ops: set[str] = set()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        self.ops.add(str(func))
        return func(*args, **(kwargs or {}))


@pytest.fixture(scope="session")
def op_census() -> Callable[..., contextlib.AbstractContextManager[set[str]]]:
    """Context manager: yields the ops called within (backward too), refuses factorizations at its end."""

    @contextlib.contextmanager
    def census(forbidden: Sequence[str] = FACTORIZATIONS) -> Iterator[set[str]]:
        with _Census() as mode:
            yield mode.ops
        found = sorted(op for op in mode.ops if any(word in op for word in forbidden))
        assert not found, f"factorizations were called: {found}"

    return census


@pytest.fixture
def two_threads() -> Iterator[None]:
    """Allow torch two threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def batches_on_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this CPU compute several images as a batch, as a GPU does."""
    monkeypatch.setattr("edlrr_cli.pipelines.batch.takes_several", lambda device: True)
    monkeypatch.setitem(memory._AT_ONCE_PX, "cpu", 1e6)


@pytest.fixture
def toml(tmp_path: Path) -> Callable[[str | bytes], Path]:
    """Write a settings file."""

    def write(text: str | bytes) -> Path:
        path = tmp_path / "settings.toml"
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    return write


_BROWSERS = ("chromium", "chromium-browser", "google-chrome")
_WIDTHS_PX = (390, 1280)
_VOID = {"meta", "input", "img", "br"}


class _Document(HTMLParser):
    """A strict reader: every tag must be closed, in order."""

    def __init__(self, text):
        super().__init__()
        self.open, self.elements = [], []
        self.feed(text)
        self.close()
        assert not self.open, f"left open: {self.open[-1][0]}"

    def handle_starttag(self, tag, attrs):
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), f"{tag}: an attribute twice"
        element = (tag, dict(attrs), [])
        self.elements.append(element)
        if tag not in _VOID:
            self.open.append(element)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        self.open.pop()

    def handle_endtag(self, tag):
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop()[0] == tag, f"</{tag}> closes another"

    def handle_data(self, data):
        for _, _, text in self.open:
            text.append(data)

    def all(self, tag):
        return [
            (attrs, " ".join("".join(text).split())) for name, attrs, text in self.elements if name == tag
        ]


@pytest.fixture(scope="session")
def html_document() -> type[_Document]:
    """A strict reader of pages, which fails for a page that is not whole."""
    return _Document


@pytest.fixture
def browse(tmp_path: Path) -> Callable[..., tuple[dict[str, Any], list[str]]]:
    """Open a page in frames of a phone's and a desktop's width, and run a script in each.

    The script finds the window ``view``, its document ``inner`` and the object ``seen`` to fill. Returns
    what was seen by width, and the messages of the console.
    """
    browser = next(filter(None, map(shutil.which, _BROWSERS)), None)
    if browser is None:
        pytest.skip("no Chromium here")

    def opened(page: str, script: str, scheme: str = "light") -> tuple[dict[str, Any], list[str]]:
        frames = "".join(
            f'<iframe id="{width}" width="{width}" height="800" style="border:0" '
            f'srcdoc="{html.escape(page)}"></iframe>'
            for width in _WIDTHS_PX
        )
        around = """
            const report = {};
            addEventListener("load", () => {
              for (const frame of document.querySelectorAll("iframe")) {
                const view = frame.contentWindow, inner = frame.contentDocument, seen = {};
                SCRIPT
                report[frame.id] = seen;
              }
              document.title = JSON.stringify(report);
            });
        """.replace("SCRIPT", script)
        path = tmp_path / "frames.html"
        path.write_text(f"<!DOCTYPE html><title></title><script>{around}</script>{frames}", encoding="utf-8")
        options = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}"]
        options += ["--enable-logging=stderr", "--virtual-time-budget=2000", "--dump-dom"]
        options += ["--blink-settings=preferredColorScheme=0"] if scheme == "dark" else []
        ended = subprocess.run(
            [browser, *options, path.as_uri()], capture_output=True, text=True, timeout=60, check=True
        )
        messages = [line for line in ended.stderr.splitlines() if "CONSOLE" in line]
        title = re.search(r"<title>(.*?)</title>", ended.stdout, flags=re.DOTALL)
        assert title is not None
        return json.loads(html.unescape(title[1])), messages

    return opened
