"""The app and its terminal: driver, signals, suspend, exit and unhandled errors.

The only module that uses private names of Textual; tests/unit/tui/test_terminal.py fails when one of them
goes.
"""

import asyncio
import contextlib
import logging
import os
import signal
import sys
from collections import deque
from collections.abc import Callable, Coroutine
from time import monotonic
from typing import IO, TYPE_CHECKING, Any, TypeAlias

from textual import constants, events
from textual.app import App
from textual.cache import LRUCache
from textual.css.stylesheet import Stylesheet
from textual.driver import Driver
from textual.geometry import Size
from textual.message import Message
from textual.message_pump import MessagePump

from app.services.changes import Changes
from app.tui.color_filters import LegibleApp
from app.tui.screens.dialogs.dialog import LEAST, Dialog
from widgets.presenter import clean

if TYPE_CHECKING:
    from rich.console import RenderableType

SETTLE_TURNS, SETTLE_SECONDS = 50, 0.002
"""Turns of the event loop, and seconds of each, in which the caller of a change may show its result: more
than lie between the answer of a server and the dialog that shows a new token."""
MOST_ERRORS, ERRORS_SECONDS = 20, 10.0
"""So many errors in so many seconds end the app; the same error is notified once in that time."""
STYLE_SOURCES = 1024
"""Style sheets kept parsed: more than all widgets and screens have. Textual keeps fewer than one start
needs."""
CRASH_MESSAGE = (
    "Loopin hit an error of its own and had to stop. Nothing you stored is lost. "
    "Run it again with --debug to write a log."
)
_ENDING_SIGNALS = (
    "SIGTERM", "SIGHUP", "SIGINT", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGALRM", "SIGXCPU"
)  # fmt: skip
"""Signals that end a process which does not handle them, and would leave the terminal in application mode."""
# DEC private modes, as Textual's driver sets them.
_ALTERNATE_SCREEN = "\x1b[?1049h"
_MOUSE = "\x1b[?1000h\x1b[?1003h\x1b[?1015h\x1b[?1006h"
# The cursor is hidden, focus and pasted text are reported, long lines are not wrapped.
_OTHER_MODES = "\x1b[?25l\x1b[?1004h\x1b[?2004h\x1b[?7l"
Dispatch: TypeAlias = Callable[[Any, Message], Coroutine[Any, Any, None]]
_log = logging.getLogger(__name__)
# Without --debug nothing listens, and Python would then print errors over the screen.
_log.addHandler(logging.NullHandler())


def contain_errors(dispatch: Dispatch) -> Dispatch:
    """Wrap the method with which each widget, screen and app handles a message, watchers included.

    Textual ends the message loop of the widget at the first exception there, and the app with it: a form or a
    new token that nobody has saved would be lost with an error that has nothing to do with them.
    """

    async def contained(pump: MessagePump, message: Message) -> None:
        try:
            await dispatch(pump, message)
        except Exception as error:
            app = pump.app
            if not (isinstance(app, TerminalApp) and app.contain(error)):
                raise

    return contained


MessagePump._dispatch_message = contain_errors(MessagePump._dispatch_message)  # type: ignore[method-assign, assignment]


class TerminalApp(LegibleApp, inherit_bindings=False):
    """An app that restores the terminal, and waits for its changes before it ends.

    `changes` are those that it waits for; `closing` is true while it does. Once it has started, an exception
    in a handler or a watcher is notified and does not end it.
    """

    closing = False
    _final_message = ""
    _started = False
    _ended = False

    def __init__(self, changes: Changes | None = None) -> None:
        super().__init__()
        self.stylesheet = CachedStylesheet(variables=self.get_css_variables())
        self.changes = changes or Changes()
        self._contained: deque[tuple[float, str]] = deque(maxlen=MOST_ERRORS)

    def get_driver_class(self) -> type[Driver]:
        """Replace Textual's driver for Linux and macOS."""
        driver = super().get_driver_class()
        return TerminalDriver if sys.platform != "win32" and driver is LinuxDriver else driver

    def run(self, *args: Any, **kwargs: Any) -> int | None:
        """Run the app; afterwards print what open dialogs and unfinished changes leave to say."""
        try:
            return super().run(*args, **kwargs)
        finally:
            # The terminal may be gone.
            with contextlib.suppress(OSError, ValueError):
                sys.stderr.write(f"{self._final_message}{self._outcome_of_changes()}")
                sys.stderr.flush()

    def write_to_terminal(self, sequence: str) -> bool:
        """Write an escape sequence; False without a terminal."""
        if self._driver is None:
            return False
        self._driver.write(sequence)
        return True

    def disable_textual_logs(self) -> None:
        """Switch off Textual's console, log and screenshot (TEXTUAL, TEXTUAL_LOG, TEXTUAL_SCREENSHOT).

        They get keys and pastes, so secrets.
        """
        self.devtools = None
        vars(constants).update(LOG_FILE=None, SCREENSHOT_DELAY=-1)

    def selection(self) -> str:
        """The text selected in an input or on the screen."""
        # Not imported before the first screen that has one.
        from textual.widgets import Input, TextArea

        focused = self.focused
        # A masked input holds a secret, which is not copied by the way.
        masked = isinstance(focused, Input) and focused.password
        if isinstance(focused, Input | TextArea) and not masked and focused.selected_text:
            return focused.selected_text
        return self.screen.get_selected_text() or ""

    # ── suspend and resize ──

    async def on_mount(self) -> None:
        """Stop countdowns when nobody can see them any more."""
        self.app_suspend_signal.subscribe(self, lambda _: self.call_off("Loopin was suspended"))
        # SIGSTOP cannot be caught: the process learns of it when it continues.
        self.app_resume_signal.subscribe(self, lambda _: self.call_off("Loopin was suspended"))
        self.call_later(self._start)

    def _start(self) -> None:
        """The message loop runs: from here on an error must not end the app."""
        self._started = True

    def action_suspend_process(self) -> None:
        """Stop the process (ctrl+z); notify the user where there is no shell to go back to."""
        if self._driver is not None and self._driver.can_suspend:
            super().action_suspend_process()
        else:
            self.notify("there is no shell to go back to here", severity="warning", timeout=4)

    def on_resize(self, event: events.Resize) -> None:
        """Stop countdowns when the terminal has become too small to show them."""
        if event.size.width < LEAST[0] or event.size.height < LEAST[1]:
            self.call_off("the terminal became too small")

    def call_off(self, why: str) -> bool:
        """Cancel what would happen without a key press, such as a countdown; False when nothing would."""
        return any(screen.call_off(why) for screen in self.screen_stack if isinstance(screen, Dialog))

    # ── exit ──

    def catch_signals(self) -> None:
        """Exit on signals, so that Textual's driver restores the terminal.

        SIGINT is one sent by another process: in the terminal of the app, ctrl+c is a key.
        """
        loop = asyncio.get_running_loop()
        for name in _ENDING_SIGNALS:
            if number := getattr(signal, name, None):
                # Not on Windows, and not outside the main thread.
                with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
                    loop.add_signal_handler(number, self.end_by_signal, number)

    def exit(
        self, result: int | None = None, return_code: int = 0, message: "RenderableType | None" = None
    ) -> None:
        """End the app once its changes have ended, after 5 s at most; called again meanwhile, at once."""
        self._close(lambda: self._end(result, return_code, message), asks=True)

    def end_by_signal(self, number: int) -> None:
        """The same for a signal: no dialog asks."""
        code = 128 + number
        self._close(lambda: self._end(code, 0, None), asks=False)

    def _close(self, end: Callable[[], None], *, asks: bool) -> None:
        self.call_off("Loopin is closing")
        if self.closing or not self.changes.under_way():
            end()
            return
        self.closing = True
        self.changes.close()
        what, seconds = clean(", ".join(self.changes.under_way())), self.changes.grace
        words = f"Waiting {seconds:g} s at most for this to finish: {what}. ctrl+c ends at once."
        self.notify(words, title="Closing", severity="warning", timeout=seconds, markup=False)
        self.run_worker(
            self._finish(end, asks), group="closing", description="close Loopin", exit_on_error=False
        )

    async def _finish(self, end: Callable[[], None], asks: bool) -> None:
        before = self.screen
        await self.changes.finish()
        for _ in range(SETTLE_TURNS):
            await asyncio.sleep(SETTLE_SECONDS)
        # The change may have brought a token that is not saved yet.
        if asks and self.screen is not before:
            self.closing = False
            if self.asks_first():
                self.changes.reopen()
                return
        end()

    def _end(self, result: int | None, return_code: int, message: "RenderableType | None") -> None:
        self.closing = self._ended = True
        self.changes.close()
        self._collect_final_message()
        super().exit(result, return_code, message)

    def asks_first(self) -> bool:
        """Whether the open dialog asks before the app quits, because something would be lost."""
        return isinstance(self.screen, Dialog) and self.screen.confirm_quit()

    def _collect_final_message(self) -> None:
        """Ask the open dialogs what to print once they are gone."""
        messages = (screen.final_message() for screen in self.screen_stack if isinstance(screen, Dialog))
        self._final_message = "".join(f"{message}\n" for message in messages if message)

    def _outcome_of_changes(self) -> str:
        """How the changes ended that were under way when the app was to end."""
        lines = []
        for orphan in self.changes.orphans():
            # A read that was started over leaves a renewal to itself: its end has been shown.
            if not (orphan.closing or orphan.hint):
                continue
            if orphan.error is not None:
                _log.error("a change failed when the app had ended", exc_info=orphan.error)
            lines.append(clean(orphan.words))
            if orphan.hint:
                lines.append(f"  next: {clean(orphan.hint)}")
        return "".join(f"{line}\n" for line in lines)

    # ── unhandled errors ──

    def contain(self, error: Exception) -> bool:
        """Notify the user of an unhandled error; False where it has to end the app.

        That is before the app has started, while it ends, and when one error follows the other.
        """
        if not self._started or self._ended:
            return False
        now, place = monotonic(), place_of(error)
        if len(self._contained) == MOST_ERRORS and now - self._contained[0][0] < ERRORS_SECONDS:
            return False
        repeated = any(place == other and now - at < ERRORS_SECONDS for at, other in self._contained)
        self._contained.append((now, place))
        _log.error("an error was contained: %s", place, exc_info=error)
        if not repeated:
            words = (
                "Something unexpected happened, and what you did last may be incomplete. "
                "Run with --debug for a log."
            )
            self.notify(words, title="Problem", severity="error", timeout=10, markup=False)
        return True

    def _handle_exception(self, error: Exception) -> None:
        """Textual calls it with what timers, idle handlers and uncontained messages raise."""
        if not self.contain(error):
            _log.critical("the app failed", exc_info=error)
            super()._handle_exception(error)

    def _fatal_error(self) -> None:
        """Textual's own prints a traceback with local variables, and a secret could be among them."""
        self._collect_final_message()
        self.panic(CRASH_MESSAGE)


def place_of(error: BaseException) -> str:
    """The type of an error and the line that raised it, without its text, which may hold a secret."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    where = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace is not None else "?"
    return f"{type(error).__name__} at {where}"


class CachedStylesheet(Stylesheet):
    """A style sheet that parses each source once for each set of variables.

    Textual parses every source again when a screen brings a sheet of its own: that was a tenth of the time to
    the first frame, and 0.1 s at the first opening of each tab (scripts/bench/cold_start.py).
    """

    def __init__(self, *, variables: dict[str, str]) -> None:
        super().__init__(variables=variables)
        self._current_variables = variables
        self._parse_cache = LRUCache(STYLE_SOURCES)

    def set_variables(self, variables: dict[str, str]) -> None:
        """Use the variables of a theme; forget what was parsed with others."""
        if variables != self._current_variables:
            self._current_variables = variables
            super().set_variables(variables)

    def reparse(self) -> None:
        """Put the rules together again; raise StylesheetError where a source cannot be parsed."""
        self.parse()


if sys.platform != "win32":
    import termios

    from textual.drivers.linux_driver import LinuxDriver

    class TerminalDriver(LinuxDriver):
        """Driver for Linux and macOS that survives SIGSTOP and a closed terminal window.

        SIGSTOP cannot be caught, so a stopped app is still in application mode when SIGCONT arrives.
        Textual's driver would start that mode a second time: two threads would read the keyboard, each a part
        of what is typed, and the app could not end, for the first thread is never told to. That thread cannot
        be ended here either: a key that it was about to read may have gone to the shell, and then it waits
        for the next one.

        A terminal whose window was closed accepts no output. The thread that writes would die of that, and
        the app, at its end, would wait for ever for space in that thread's queue.
        """

        def __init__(
            self,
            app: App[Any],
            *,
            debug: bool = False,
            mouse: bool = True,
            size: tuple[int, int] | None = None,
        ) -> None:
            super().__init__(app, debug=debug, mouse=mouse, size=size)
            self._app_to_end, self._has_mouse = app, mouse
            self._event_loop = asyncio.get_running_loop()
            self._file: Any = TerminalFile(self._file, self._end_app)
            self._attributes: list[Any] | None = None

        def _end_app(self) -> None:
            """End the app as SIGHUP does, also where that signal is ignored: nobody can see or stop it."""
            app = self._app_to_end
            # The last lines are written when the loop is closed.
            with contextlib.suppress(RuntimeError):
                if isinstance(app, TerminalApp):
                    self._event_loop.call_soon_threadsafe(app.end_by_signal, signal.SIGHUP)

        def write(self, data: str) -> None:
            """Write, unless the app is suspended: what it paints then is lost.

            The thread that writes is gone then, and the app would wait for space in its queue.
            """
            writer = self._writer_thread
            if writer is not None and writer.is_alive():
                super().write(data)

        def start_application_mode(self) -> None:
            """Start the mode, and remember the terminal's attributes for a SIGSTOP."""
            super().start_application_mode()  # type: ignore[no-untyped-call]  # Textual gives it no types
            self._attributes = self._read_attributes()

        def resume_application_mode(self) -> None:
            """Start the mode again, or restore it after a SIGSTOP. May be called by a signal handler."""
            # A second SIGCONT may arrive while the first is handled.
            blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCONT})
            try:
                self._resume()
            finally:
                signal.pthread_sigmask(signal.SIG_SETMASK, blocked)

        def _resume(self) -> None:
            reader = self._key_thread
            if reader is None or not reader.is_alive():
                super().resume_application_mode()
                self._app_to_end.call_later(self._repaint)
                return
            if self._attributes is not None:
                # In the background this stops the app, as any program; `fg` continues it here.
                with contextlib.suppress(termios.error):
                    termios.tcsetattr(self.fileno, termios.TCSANOW, self._attributes)
            # Not in a handler: the app may be about to write, with the writer's queue locked.
            self._event_loop.call_soon_threadsafe(self._restore_modes)

        def _read_attributes(self) -> list[Any] | None:
            try:
                return termios.tcgetattr(self.fileno)
            except termios.error:
                return None

        def _restore_modes(self) -> None:
            """Enter the modes again that a shell leaves, at the size that the terminal has now."""
            self.write(_ALTERNATE_SCREEN + (_MOUSE if self._has_mouse else "") + _OTHER_MODES)
            with contextlib.suppress(OSError):
                size = Size(*os.get_terminal_size(self.fileno))
                self.send_message(events.Resize(size, size))
            self._app_to_end.call_later(self._repaint)

        def _repaint(self) -> None:
            """Paint everything: the terminal no longer shows what the app painted."""
            self._app_to_end.refresh(layout=True)


class TerminalFile:
    """The file of a terminal that may close. What is written afterwards is lost.

    `on_close` is called once, in the thread that writes.
    """

    def __init__(self, file: IO[str], on_close: Callable[[], None]) -> None:
        self._file = file
        self._on_close = on_close
        self._closed = False

    def write(self, text: str) -> None:
        """Write while the terminal is there."""
        self._call(self._file.write, text)

    def flush(self) -> None:
        """Flush while the terminal is there."""
        self._call(self._file.flush)

    def fileno(self) -> int:
        """The file descriptor."""
        return self._file.fileno()

    def _call(self, function: Callable[..., object], *args: str) -> None:
        try:
            if not self._closed:
                function(*args)
        except OSError:
            self._closed = True
            self._on_close()
