"""The files that a separation leaves in its folder."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from edlrr_cli.errors import OutputError
from edlrr_cli.media.files import check_target, writing
from edlrr_cli.media.formats import is_pattern
from edlrr_cli.pipelines.bgsep.settings import Encoding, Tables

BACKGROUND, OVERVIEW, REPORT = "background.png", "overview.png", "report.json"
MASKS = "mask"
OBJECTS, EVENTS, EVENT_CLIPS = "objects.csv", "events.csv", "events"


@dataclass(frozen=True)
class Outputs:
    """The outputs of a separation."""

    folder: Path
    encoding: Encoding
    tables: Tables

    @property
    def videos(self) -> tuple[str, ...]:
        """Return the names of the videos without suffix."""
        masks = (MASKS,) if self.encoding.mask_format == "mp4" else ()
        return ("background", "foreground", *masks)

    @property
    def folders(self) -> tuple[str, ...]:
        """Return the names of the outputs that are folders."""
        wanted = {MASKS: self.encoding.mask_format == "png", EVENT_CLIPS: self.tables.event_clips}
        return tuple(name for name, is_wanted in wanted.items() if is_wanted)

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names of all outputs."""
        videos = (name + self.encoding.suffix for name in self.videos)
        wanted = {OBJECTS: self.tables.objects, EVENTS: self.tables.lists_events}
        tables = (name for name, is_wanted in wanted.items() if is_wanted)
        return (*videos, *self.folders, *tables, BACKGROUND, OVERVIEW, REPORT)

    def check(self, source: Path, *others: Path, overwrite: bool) -> None:
        """Refuse outputs that could not be written, before the work.

        Args:
            source: The video.
            *others: Further files that are read.

        Raises:
            OutputError: The folder is the source, is a file, or cannot be made; an output is one of the files
                that are read, or exists without ``overwrite``.
        """
        if not self.folder.exists():
            check_target(self.folder, overwrite=False)
            return
        if not self.folder.is_dir():
            raise OutputError(f"output {self.folder} is not a folder", "choose another name")
        images = source.parent if is_pattern(source) else source
        if images.exists() and self.folder.samefile(images):
            raise OutputError(f"output {self.folder} is the source", "choose another folder")
        for name in self.names:
            path = self.folder / name
            if name not in self.folders:
                check_target(path, source, *others, overwrite=overwrite)
            elif path.exists() and not overwrite:
                raise OutputError(f"output {path} exists already", "pass --overwrite to replace it")

    @property
    def complete(self) -> bool:
        """Whether all outputs exist."""
        return (self.folder / REPORT).is_file()

    def publish(self, stage: Path) -> None:
        """Move the finished outputs to their folder, replacing older ones; the report last.

        A report implies that all of its outputs exist, hence an older one is removed first.

        Args:
            stage: A folder on the same disk that holds all of them.

        Raises:
            OutputError: One cannot be replaced.
        """
        with writing(self.folder / REPORT):
            (self.folder / REPORT).unlink(missing_ok=True)
        for name in self.names:
            target = self.folder / name
            with writing(target):
                if target.is_dir():
                    shutil.rmtree(target)
                (stage / name).replace(target)
