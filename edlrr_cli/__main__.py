"""``python -m edlrr_cli`` and the ``edlrr`` script."""

from __future__ import annotations

import os


def main() -> None:
    """Run the command line; ends the process with the exit code."""
    # Threads that wait for each other by spinning made a run twenty times slower on a busy machine.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    from edlrr_cli.cli.app import edlrr

    edlrr()


if __name__ == "__main__":
    main()
