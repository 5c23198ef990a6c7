"""The page of a command: a panel for each record, rendered when the record is added."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

from markupsafe import Markup

from edlrr_cli import __version__
from edlrr_cli.errors import OutputError
from edlrr_cli.media.files import check_target, write_pieces, writing
from edlrr_cli.pages.render import template
from edlrr_cli.pipelines.destination import make_folders
from edlrr_cli.pipelines.failures import Record, failure_of
from edlrr_cli.pipelines.job import AnyJob
from edlrr_cli.pipelines.panel import flat

_STATES = {"ok": "done", "skipped": "left out", "error": "failed"}
_SIDE_PX, _SIDE_OF_MANY_PX = 1200, 800
_FOLDER = "pipelines/report"


@contextmanager
def page_of(
    path: Path | None,
    job_type: type[AnyJob],
    *inputs: Path | None,
    output: Path | None,
    overwrite: bool,
    many: bool = False,
) -> Iterator[Callable[[Record], None]]:
    """Yield a function that receives each record; the page is written at the end, however the block ends.

    Without any record none is written, and nothing happens without a path.

    Args:
        *inputs: Files and folders that were named; the page must be none of them.
        output: The output as it was named; the page must be another file, but may go into it.
        many: Count the records in the heading, and show smaller images.

    Raises:
        OutputError: The page cannot be written; before the work, as far as that can be known.
    """
    if path is None:
        yield lambda record: None
        return
    if path.suffix.lower() not in (".html", ".htm"):
        raise OutputError(
            f"report {path}: expected the extension .html, got {path.suffix!r}", "name it .html"
        )
    if output is not None and path.resolve() == output.resolve():
        raise OutputError(f"report {path} is the output too", "choose another file name")
    if path.parent == output:
        make_folders([path])
    check_target(path, *filter(None, inputs), overwrite=overwrite)
    with ExitStack() as stack:
        with writing(path):
            panels = stack.enter_context(TemporaryFile(dir=path.parent))
        page = _Page(path, job_type, panels, many=many)
        try:
            yield page.add
        finally:
            if page.entries:
                page.write()


@dataclass(frozen=True)
class _Entry:
    """A line of the index, and the length of its panel; 0 for none."""

    name: str
    state: str
    text: str
    num_bytes: int = 0


class _Page:
    """The panels so far, in a file, and the lines of the index."""

    def __init__(self, path: Path, job_type: type[AnyJob], panels: IO[bytes], *, many: bool) -> None:
        self._path, self._job_type, self._many = path, job_type, many
        self._panels, self._end = panels, 0
        self._panel, self._whole = (template(_FOLDER, f"{name}.html.j2") for name in ("panel", "page"))
        self.entries: list[_Entry] = []

    def add(self, record: Record) -> None:
        """Receive a record; one that is only planned is not shown."""
        if record["status"] not in _STATES:
            return
        entry = _Entry(str(record["input"]), _STATES[record["status"]], self._line(record))
        if record["status"] != "skipped":
            content = _encoded(self._panel.render(self._context_of(record, entry)))
            with writing(self._path):
                self._panels.seek(self._end)
                self._panels.write(content)
            entry = replace(entry, num_bytes=len(content))
            self._end += len(content)
        self.entries.append(entry)

    def _line(self, record: Record) -> str:
        if record["status"] == "error":
            return "; ".join(filter(None, (record["error"], record["remedy"])))
        if record["status"] == "ok":
            return self._job_type.line(record)
        return "; ".join(record.get("notes", ())) or "its result was there already"

    def _context_of(self, record: Record, entry: _Entry) -> dict[str, object]:
        hidden = (*self._job_type.unlisted, *self._job_type.unprinted)
        listed = {name: value for name, value in record.items() if name not in hidden}
        known = {"entry": entry, "number": len(self.entries), "values": flat(listed), "images": ()}
        if record["status"] != "ok":
            return {**known, "section": None, "fault": entry.text}
        panel = self._job_type.panel(record, _SIDE_OF_MANY_PX if self._many else _SIDE_PX)
        try:
            return {**known, "section": panel, "images": panel.images(), "fault": ""}
        except Exception as error:  # a file that is gone by now must cost nothing else
            return {**known, "section": panel, "fault": f"It cannot be shown: {failure_of(error).message}"}

    def write(self) -> None:
        """Write the page, piece by piece."""
        pieces = self._whole.generate(
            command=self._job_type.command,
            entries=self.entries,
            heading=self._heading(),
            sections=self._read(),
            version=__version__,
            created=datetime.now(timezone.utc).strftime("%Y-%m-%d, %H:%M UTC"),
        )
        write_pieces(self._path, map(_encoded, pieces))

    def _heading(self) -> str:
        """Name the only input, or count them."""
        if not self._many:
            return Path(self.entries[0].name).name
        counts = Counter(entry.state for entry in self.entries)
        return ", ".join(f"{counts[state]} {state}" for state in _STATES.values() if counts[state])

    def _read(self) -> Iterator[Markup]:
        self._panels.seek(0)
        for entry in self.entries:
            yield Markup(self._panels.read(entry.num_bytes).decode())  # rendered, hence escaped


def _encoded(text: str) -> bytes:
    """Return a text as a file; a file name need not be Unicode."""
    return text.encode(errors="backslashreplace")
