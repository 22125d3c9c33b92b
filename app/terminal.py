"""The app and its terminal: what stops it, what ends it, and who may listen in."""

import asyncio
import contextlib
import logging
import signal
import sys
from typing import TYPE_CHECKING, Any

from textual import constants
from textual.driver import Driver

from app.plain import LegibleApp
from app.screens.dialog import Dialog

if TYPE_CHECKING:
    from rich.console import RenderableType


_log = logging.getLogger(__name__)
# Without --debug nothing listens, and Python would then print errors over the screen.
_log.addHandler(logging.NullHandler())


class TerminalApp(LegibleApp, inherit_bindings=False):
    """An app that leaves the terminal as it found it."""

    _last_words = ""

    def get_driver_class(self) -> type[Driver]:
        """Ours in the place of Textual's for Linux and macOS."""
        usual = super().get_driver_class()
        if usual.__name__ != "LinuxDriver":
            return usual
        from app.driver import SteadyDriver  # cannot be imported on Windows

        return SteadyDriver

    def run(self, *args: Any, **given: Any) -> int | None:
        """Run it; afterwards say on the terminal what the screens that were open leave behind."""
        result = super().run(*args, **given)
        # A terminal that is gone hears nothing.
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.write(self._last_words)
            sys.stderr.flush()
        return result

    def action_suspend_process(self) -> None:
        """Stop, as ctrl+z does with any program; say so where there is no shell to go back to."""
        if self._driver is not None and self._driver.can_suspend:
            super().action_suspend_process()
        else:
            self.notify("there is no shell to go back to here", severity="warning", timeout=4)

    def exit(
        self, result: int | None = None, return_code: int = 0, message: "RenderableType | None" = None
    ) -> None:
        """End the app, whoever wants it: a key, a signal, a command."""
        self.hear_last_words()
        super().exit(result, return_code, message)

    def hear_last_words(self) -> None:
        """Ask the open dialogs what is to be said once they are gone."""
        said = (screen.last_words() for screen in self.screen_stack if isinstance(screen, Dialog))
        self._last_words = "".join(f"{words}\n" for words in said if words)

    def asks_first(self) -> bool:
        """True when the open dialog asks whether to quit: something would be lost."""
        return isinstance(self.screen, Dialog) and self.screen.holds_on()

    def selection(self) -> str:
        """What is marked in a field or on the screen."""
        # Loaded with the first screen that has one, and not before.
        from textual.widgets import Input, TextArea

        focused = self.focused
        # What stands in a masked input is a secret: it is not put on a clipboard by the way.
        masked = isinstance(focused, Input) and focused.password
        if isinstance(focused, Input | TextArea) and not masked and focused.selected_text:
            return focused.selected_text
        return self.screen.get_selected_text() or ""

    def _fatal_error(self) -> None:
        """Textual would print a traceback with local variables, and a secret could be among them."""
        self.hear_last_words()
        _log.critical("the app failed", exc_info=self._exception)
        self._exit_renderables.append(
            "Loopin hit an error of its own and had to stop. Nothing you stored is lost. "
            "Run it again with --debug to write a log."
        )
        self._close_messages_no_wait()

    def stop_listening_in(self) -> None:
        """Textual's console, log and picture (TEXTUAL_LOG, _SCREENSHOT) get keys and pastes, so secrets."""
        self.devtools = None
        self._devtools_redirector = None
        vars(constants).update(LOG_FILE=None, SCREENSHOT_DELAY=-1)

    def catch_signals(self) -> None:
        """Textual's driver restores the terminal when the app exits; these make it exit."""
        loop = asyncio.get_running_loop()
        for name in ("SIGTERM", "SIGHUP"):
            if number := getattr(signal, name, None):
                # Not on Windows, and not outside the main thread.
                with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
                    loop.add_signal_handler(number, self.exit, 128 + number)
