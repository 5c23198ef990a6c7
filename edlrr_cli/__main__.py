"""``python -m edlrr_cli`` and the ``edlrr`` script."""

from __future__ import annotations

import gc
import sys

from edlrr_cli.errors import EXIT_INTERRUPTED
from edlrr_cli.media.standard_streams import secure_standard_streams

# Imports create a million objects that stay; searching them for cycles every 700 is a tenth of the start-up.
_OBJECTS_UNTIL_COLLECTION = 50_000


def main() -> None:
    """Run the command line; ends the process with the exit code."""
    secure_standard_streams()
    gc.set_threshold(_OBJECTS_UNTIL_COLLECTION)
    try:
        from edlrr_cli.cli.app import edlrr

        edlrr()
    except KeyboardInterrupt:  # before or after the boundary of the group
        sys.exit(EXIT_INTERRUPTED)
    except SystemExit as end:
        from edlrr_cli.cli.threads import leave

        leave(end)


if __name__ == "__main__":
    main()
