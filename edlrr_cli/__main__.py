"""``python -m edlrr_cli`` and the ``edlrr`` script."""

from __future__ import annotations

import sys

from edlrr_cli.errors import EXIT_INTERRUPTED
from edlrr_cli.media.standard_streams import secure_standard_streams


def main() -> None:
    """Run the command line; ends the process with the exit code."""
    secure_standard_streams()
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
