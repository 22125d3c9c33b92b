"""A driver that takes the terminal up again after a stop that nobody announced.

SIGSTOP cannot be caught, so a stopped app has not left the application mode when SIGCONT arrives. Textual's
driver starts that mode a second time then: a second thread reads the keyboard, each gets a part of what is
typed, and the app cannot end, for the first thread is never told to. It may not be ended here either: a key
that it was about to read may have gone to the shell meanwhile, and then it waits for the next one.

And a terminal whose window was closed takes nothing any more. The thread that writes to it would die of that,
and the app, at its end, would wait for ever for a place in that thread's queue.
"""

import contextlib
import os
import signal
import termios
from collections.abc import Callable
from typing import IO, Any

from textual import events
from textual.app import App
from textual.drivers.linux_driver import LinuxDriver
from textual.geometry import Size

# DEC private modes, as Textual's driver sets them.
ALTERNATE_SCREEN = "\x1b[?1049h"
MOUSE = "\x1b[?1000h\x1b[?1003h\x1b[?1015h\x1b[?1006h"
# The cursor is hidden, focus and pasted text are reported, long lines are not wrapped.
OTHER_MODES = "\x1b[?25l\x1b[?1004h\x1b[?2004h\x1b[?7l"


class SteadyDriver(LinuxDriver):
    """Linux and macOS. One thread reads and one writes, whatever stopped the app or closed its window."""

    def __init__(
        self,
        app: App[Any],
        *,
        debug: bool = False,
        mouse: bool = True,
        size: tuple[int, int] | None = None,
    ) -> None:
        super().__init__(app, debug=debug, mouse=mouse, size=size)
        self._file: Any = Window(self._file, self._end_app)
        self._attributes: list[Any] | None = None

    def _end_app(self) -> None:
        """End the app as a hang-up does, also where that signal is ignored: nobody can see or stop it."""
        end = getattr(self._app, "end_by_signal", None)
        # The last lines are written when the loop is closed.
        with contextlib.suppress(RuntimeError):
            if end is not None:
                self._loop.call_soon_threadsafe(end, signal.SIGHUP)

    def write(self, data: str) -> None:
        """Write, while this has the terminal: what is painted while the app is suspended is lost.

        Nobody would take it from the queue of the thread that writes, and the app would wait for room in it.
        """
        writer = self._writer_thread
        if writer is not None and writer.is_alive():
            super().write(data)

    def start_application_mode(self) -> None:
        """Start the mode, and keep the terminal's attributes in it for a stop that nobody announces."""
        super().start_application_mode()  # type: ignore[no-untyped-call]  # Textual gives it no types
        self._attributes = self._read_attributes()

    def resume_application_mode(self) -> None:
        """Start the mode again, or take it up where the stop left it. May be called by a signal's handler."""
        # A second SIGCONT may arrive while the first is seen to.
        waiting = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCONT})
        try:
            self._resume()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, waiting)

    def _resume(self) -> None:
        reader = self._key_thread
        if reader is None or not reader.is_alive():
            super().resume_application_mode()
            self._app.call_later(self._repaint)
            return
        if self._attributes is not None:
            # In the background this stops the app, as for any program; `fg` continues it here.
            with contextlib.suppress(termios.error):
                termios.tcsetattr(self.fileno, termios.TCSANOW, self._attributes)
        # Not in a handler: the app may be about to write, with the writer's queue locked.
        self._loop.call_soon_threadsafe(self._take_up)

    def _read_attributes(self) -> list[Any] | None:
        try:
            return termios.tcgetattr(self.fileno)
        except termios.error:
            return None

    def _take_up(self) -> None:
        """Enter again the modes that a shell leaves, at the size that the terminal has now."""
        self.write(ALTERNATE_SCREEN + (MOUSE if self._mouse else "") + OTHER_MODES)
        with contextlib.suppress(OSError):
            size = Size(*os.get_terminal_size(self.fileno))
            self.send_message(events.Resize(size, size))
        self._app.call_later(self._repaint)

    def _repaint(self) -> None:
        """Paint everything: what the terminal shows now is not what the app painted."""
        self._app.refresh(layout=True)


class Window:
    """The terminal's file. What is written after it has gone is lost; `gone` is called, in any thread."""

    def __init__(self, file: IO[str], gone: Callable[[], None]) -> None:
        self._file = file
        self._tell = gone
        self._gone = False

    def write(self, text: str) -> None:
        """Write, while there is somewhere to write to."""
        self._try(self._file.write, text)

    def flush(self) -> None:
        """The same for what was kept back."""
        self._try(self._file.flush)

    def fileno(self) -> int:
        """The number of the file."""
        return self._file.fileno()

    def _try(self, do: Callable[..., object], *what: str) -> None:
        try:
            if not self._gone:
                do(*what)
        except OSError:
            self._gone = True
            self._tell()
