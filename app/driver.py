"""A driver that takes the terminal up again after a stop that nobody announced.

SIGSTOP cannot be caught, so a stopped app has not left the application mode when SIGCONT arrives. Textual's
driver starts that mode a second time then: a second thread reads the keyboard, each gets a part of what is
typed, and the app cannot end, for the first thread is never told to.
"""

import signal

from textual.drivers.linux_driver import LinuxDriver


class SteadyDriver(LinuxDriver):
    """Linux and macOS. One thread reads, whatever stopped the app."""

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
            self._app.call_later(self._app.refresh, layout=True)

    def _end_threads(self) -> None:
        """End the reader and the writer, and leave the terminal to those that follow."""
        self.exit_event.set()
        if self._key_thread is not None:
            self._key_thread.join()
        self.exit_event.clear()
        self.close()
