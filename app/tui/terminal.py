"""The app and its terminal: what stops it, what ends it, and who may listen in."""

import asyncio
import contextlib
import logging
import signal
import sys
from collections import deque
from collections.abc import Callable, Coroutine
from time import monotonic
from typing import TYPE_CHECKING, Any, TypeAlias

from textual import constants, events
from textual.driver import Driver
from textual.message import Message
from textual.message_pump import MessagePump

from app.services.changes import Changes
from app.tui.color_filters import LegibleApp
from app.tui.screens.dialogs.dialog import LEAST, Dialog
from widgets.presenter import clean

if TYPE_CHECKING:
    from rich.console import RenderableType


TURNS, TURN = 50, 0.002
"""Turns of the event loop, and seconds of each, in which the caller of a change gets to show what it brought:
more than lie between the answer of a server and the dialog that shows a new token."""
Dispatch: TypeAlias = Callable[[Any, Message], Coroutine[Any, Any, None]]
MOST_ERRORS, ERRORS_WITHIN = 20, 10.0
"""So many errors in so many seconds, and the app is given up; the same one is told once in that time."""
_log = logging.getLogger(__name__)
# Without --debug nothing listens, and Python would then print errors over the screen.
_log.addHandler(logging.NullHandler())


def contain_errors(dispatch: Dispatch) -> Dispatch:
    """Wrap the method with which each widget, screen and app handles a message, watchers included.

    Textual ends the loop of the widget at the first exception there, and the app with it: a form or a new
    token that nobody has saved would be lost with an error that has nothing to do with them.
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
_ENDING = ("SIGTERM", "SIGHUP", "SIGINT", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGALRM", "SIGXCPU")
"""Signals that end a program which does not see to them, and would leave the terminal as it is."""


class TerminalApp(LegibleApp, inherit_bindings=False):
    """An app that leaves the terminal as it found it, and ends when its changes have come to their end.

    `changes` are those that it waits for; `closing` is true while it does. Once it has started, an exception
    in a handler or a watcher is told, and does not end it.
    """

    _last_words = ""
    _started = False
    closing = False

    def __init__(self, changes: Changes | None = None) -> None:
        super().__init__()
        self.changes = changes or Changes()
        self._contained: deque[tuple[float, str]] = deque(maxlen=MOST_ERRORS)

    def get_driver_class(self) -> type[Driver]:
        """Ours in the place of Textual's for Linux and macOS."""
        usual = super().get_driver_class()
        if usual.__name__ != "LinuxDriver":
            return usual
        from app.tui.driver import SteadyDriver  # cannot be imported on Windows

        return SteadyDriver

    def run(self, *args: Any, **given: Any) -> int | None:
        """Run it; afterwards say on the terminal what the screens that were open leave behind."""
        try:
            return super().run(*args, **given)
        finally:
            # A terminal that is gone hears nothing.
            with contextlib.suppress(OSError, ValueError):
                sys.stderr.write(f"{self._last_words}{self._ends_of_changes()}")
                sys.stderr.flush()

    def _ends_of_changes(self) -> str:
        """How the changes ended that were under way when the app was to end."""
        lines = []
        for orphan in self.changes.orphans():
            # A reader that was started over leaves a renewal to itself: its end is on the screen since.
            if not (orphan.closing or orphan.hint):
                continue
            if orphan.error is not None:
                _log.error("a change failed when the app had ended", exc_info=orphan.error)
            lines.append(clean(orphan.words))
            if orphan.hint:
                lines.append(f"  next: {clean(orphan.hint)}")
        return "".join(f"{line}\n" for line in lines)

    def action_suspend_process(self) -> None:
        """Stop, as ctrl+z does with any program; say so where there is no shell to go back to."""
        if self._driver is not None and self._driver.can_suspend:
            super().action_suspend_process()
        else:
            self.notify("there is no shell to go back to here", severity="warning", timeout=4)

    def exit(
        self, result: int | None = None, return_code: int = 0, message: "RenderableType | None" = None
    ) -> None:
        """End the app, whoever wants it: a key, a signal, a command.

        Changes under way are waited for, 5 s at most; called once more meanwhile, it ends at once.
        """
        self._close(lambda: self._end(result, return_code, message), asks=True)

    def end_by_signal(self, number: int) -> None:
        """The same for a signal: nobody can be asked any more."""
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
        for _ in range(TURNS):
            await asyncio.sleep(TURN)
        # What was waited for may be a token that nobody has yet.
        if asks and self.screen is not before:
            self.closing = False
            if self.asks_first():
                self.changes.reopen()
                return
        end()

    def _end(self, result: int | None, return_code: int, message: "RenderableType | None") -> None:
        self.closing = True
        self.changes.close()
        self.hear_last_words()
        super().exit(result, return_code, message)

    async def on_mount(self) -> None:
        """What happens by itself happens only where somebody can see it, and stop it."""
        self.app_suspend_signal.subscribe(self, lambda _: self.call_off("Loopin was suspended"))
        # A process that was stopped without a word (SIGSTOP) tells only when it goes on.
        self.app_resume_signal.subscribe(self, lambda _: self.call_off("Loopin was suspended"))
        self.call_later(self._start)

    def _start(self) -> None:
        """The message loop runs: from here on there is something to lose."""
        self._started = True

    def on_resize(self, event: events.Resize) -> None:
        """The same for a terminal that has become too small."""
        if event.size.width < LEAST[0] or event.size.height < LEAST[1]:
            self.call_off("the terminal became too small")

    def call_off(self, why: str) -> bool:
        """Cancel what would happen by itself, such as a countdown, and say why; False when nothing would."""
        return any(screen.call_off(why) for screen in self.screen_stack if isinstance(screen, Dialog))

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

    def contain(self, error: Exception) -> bool:
        """Tell of an error of Loopin's own, and go on; False where it has to end the app.

        That is before the app has started, while it ends, and when one error follows the other.
        """
        if not self._started or self._exit:
            return False
        now, place = monotonic(), place_of(error)
        if len(self._contained) == MOST_ERRORS and now - self._contained[0][0] < ERRORS_WITHIN:
            return False
        told = any(place == other and now - at < ERRORS_WITHIN for at, other in self._contained)
        self._contained.append((now, place))
        _log.error("an error was contained: %s", place, exc_info=error)
        if not told:
            words = (
                "Something unexpected happened, and what you did last may be incomplete. "
                "Run with --debug for a log."
            )
            self.notify(words, title="Problem", severity="error", timeout=10, markup=False)
        return True

    def _handle_exception(self, error: Exception) -> None:
        """What timers and idle handlers raise comes here."""
        if not self.contain(error):
            super()._handle_exception(error)

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
        """Textual's driver restores the terminal when the app exits; these make it exit.

        SIGINT comes from elsewhere: at the terminal of the app, ctrl+c is a key.
        """
        loop = asyncio.get_running_loop()
        for name in _ENDING:
            if number := getattr(signal, name, None):
                # Not on Windows, and not outside the main thread.
                with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
                    loop.add_signal_handler(number, self.end_by_signal, number)


def place_of(error: BaseException) -> str:
    """The kind of an error and the line that raised it, without its text, which may hold a secret."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    where = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace is not None else "?"
    return f"{type(error).__name__} at {where}"
