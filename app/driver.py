"""A driver that takes the terminal up again after a stop that nobody announced.

SIGSTOP cannot be caught, so a stopped app has not left the application mode when SIGCONT arrives. Textual's
driver starts that mode a second time then: a second thread reads the keyboard, each gets a part of what is
typed, and the app cannot end, for the first thread is never told to.

And a terminal whose window was closed takes nothing any more. The thread that writes to it would die of that,
and the app, at its end, would wait for ever for a place in that thread's queue.
"""

import contextlib
import signal
from collections.abc import Callable
from typing import IO, Any

from textual.app import App
from textual.drivers.linux_driver import LinuxDriver


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

    def resume_application_mode(self) -> None:
        """Start the mode again, or take it up where the stop left it."""
        # A second SIGCONT may arrive while the first is seen to.
        waiting = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCONT})
        try:
            self._resume()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, waiting)

    def _resume(self) -> None:
        reader, before = self._key_thread, self.attrs_before
        unasked = reader is not None and reader.is_alive()
        if unasked:
            self._end_threads()
        super().resume_application_mode()
        if unasked:
            # What was found at the start is restored at the end, not what the stop left behind.
            self.attrs_before = before
        # The terminal shows an empty screen now, and the app has nothing to change on its own.
        self._app.call_later(self._app.refresh, layout=True)

    def _end_threads(self) -> None:
        """End the reader and the writer, and leave the terminal to those that follow."""
        self.exit_event.set()
        if self._key_thread is not None:
            self._key_thread.join()
        self.exit_event.clear()
        self.close()


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
