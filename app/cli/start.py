"""The bare `loopin`: the full-screen app."""

import gc
import os
import sys
from collections.abc import Mapping

from app.cli.exit_codes import CANCELLED, DONE
from app.domain.errors import UsageError


def need_terminal() -> None:
    """Raise UsageError where a full-screen app has nothing to draw on."""
    # A web terminal brings its own driver and talks over pipes.
    if os.environ.get("TEXTUAL_DRIVER"):
        return
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError("the app needs a terminal", hint="for scripts there are commands: loopin --help")
    if os.environ.get("TERM") == "dumb":
        raise UsageError(
            "this terminal cannot show the app: TERM is dumb",
            hint="set TERM to what it is, for example xterm-256color, or use the commands: loopin --help",
        )


def open_app(flags: Mapping[str, str | None] | None = None, screen: str = "accounts") -> int:
    """Open the app on this machine's own accounts and return its exit code; `flags` as for `load`.

    `screen` as for `app.tui.app.run`; who was to sign in and went to the demo has cancelled.
    """
    need_terminal()
    # What is loaded here stays until the end: the garbage collector need not look at it, now or later.
    gc.disable()
    from app.bootstrap import Container
    from app.settings import load
    from app.tui.app import OPEN_DEMO, run

    gc.freeze()
    gc.enable()
    code = run(Container(load(flags=flags)), screen=screen)
    if code != OPEN_DEMO:
        return code
    from app.demo.sample_server import start

    return start("accounts") or (CANCELLED if screen != "accounts" else DONE)
