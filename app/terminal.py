"""The app and its terminal: what stops it, what ends it, and who may listen in."""

import asyncio
import contextlib
import signal

from textual import constants
from textual.driver import Driver

from app.plain import LegibleApp


class TerminalApp(LegibleApp, inherit_bindings=False):
    """An app that leaves the terminal as it found it."""

    def get_driver_class(self) -> type[Driver]:
        """Ours in the place of Textual's for Linux and macOS."""
        usual = super().get_driver_class()
        if usual.__name__ != "LinuxDriver":
            return usual
        from app.driver import SteadyDriver  # cannot be imported on Windows

        return SteadyDriver

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
