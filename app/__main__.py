"""`python -m app` and the `loopin` command."""

import atexit
import gc
import os
import sys
from collections.abc import Sequence

GARBAGE = 50_000
"""New objects before the garbage collector looks for what can go."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Open the app when nothing is asked for, else run a command; return the exit code.

    Click is not imported on the way to the app: its first frame waits for nothing.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    # At its end Python would look for garbage in all that was imported, longer than many a command takes.
    atexit.register(gc.freeze)
    # A shell that completes a line runs `loopin` alone, with this variable set.
    bare = not given and "_LOOPIN_COMPLETE" not in os.environ
    if not bare:
        # Importing makes tens of thousands of objects that stay; after each 700 new ones, as is usual, the
        # garbage collector would look at many of them again.
        gc.set_threshold(GARBAGE)
    from app.adapters.system import hardening
    from app.cli import exit_codes

    hardening.protect()
    exit_codes.prepare_streams()
    if bare:
        from app.cli import start

        return exit_codes.run_reporting_errors(start.open_app)
    # Within the gate: even a broken installation is one sentence.
    return exit_codes.run_reporting_errors(lambda: _command(given))


def _command(given: Sequence[str]) -> int:
    from app.cli import root

    # What is there by now stays, so a command ends before the garbage collector looks for the first time.
    gc.freeze()
    return root.run(given)


if __name__ == "__main__":
    sys.exit(main())
