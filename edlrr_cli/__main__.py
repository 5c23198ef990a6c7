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
        if end.code != EXIT_INTERRUPTED:
            raise
        from edlrr_cli.cli.threads import exit_at_once

        exit_at_once(EXIT_INTERRUPTED)


if __name__ == "__main__":
    main()
