"""What both sign-in screens do with a flow: follow it, and keep what it told."""

from abc import abstractmethod
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import ClassVar

from textual import on
from textual.message import Message
from textual.widgets import Button
from textual.worker import Worker

from app.domain.errors import LoopinError
from app.domain.login import LoginStep, SignedIn, Step, StepState
from app.services.login.progress import Report
from app.tui.commands.command import Room
from app.tui.screens.account_state import Frame
from app.tui.screens.base_screen import RoomScreen
from app.tui.screens.login.methods import Offer
from widgets.footer import KeyHint


class LoginWatchScreen(RoomScreen):
    """Shows the steps of one flow; its result is True when somebody signed in."""

    ROOM = Room.SIGNING_IN
    TAB = "app.accounts"
    LAST_STEPS: ClassVar[frozenset[Step]] = frozenset({Step.SAVED})
    """Those that are not cancelled any more."""

    class Happened(Message):
        """The flow told of a step."""

        def __init__(self, step: LoginStep) -> None:
            super().__init__()
            self.step = step

    def __init__(self, frame: Frame, offer: Offer) -> None:
        super().__init__(frame)
        self._offer = offer
        self._steps: dict[Step, LoginStep] = {}
        self._error: LoopinError | None = None
        self._result: SignedIn | None = None
        self._last: LoginStep | None = None

    @property
    def _finishing(self) -> bool:
        """True from the moment on at which the sign-in uses what the server gives once, until it is over."""
        if self._last is None or self._error is not None or self._result is not None:
            return False
        return self._last.step in self.LAST_STEPS

    def _may_leave(self) -> bool:
        """Say why not, where the sign-in can no more be cancelled."""
        if self._finishing:
            words = "The answer is here: the sign-in is being finished, and its end is waited for."
            self.notify(words, severity="warning", timeout=4, markup=False)
        return not self._finishing

    @abstractmethod
    def _paint(self) -> None:
        """Show where the flow is."""

    async def _follow(self, sign_in: Callable[[Report], Awaitable[object]]) -> None:
        # The last step carries the error.
        with suppress(LoopinError):
            await sign_in(lambda step: self.post_message(self.Happened(step)))

    @on(Happened)
    def _happened(self, event: Happened) -> None:
        self._keep(event.step)
        self._paint()

    def _keep(self, step: LoginStep) -> None:
        self._steps = {**self._steps, step.step: step}
        self._last = step
        self._error = step.error if step.state is StepState.FAILED else self._error
        self._result = step.result or self._result

    def show_failure(self, error: BaseException, worker: Worker[object]) -> bool:
        """A flow tells of its errors in its last step; what comes past that is shown the same way."""
        if worker.group != "login" or not isinstance(error, LoopinError):
            return False
        self._error = error
        self._paint()
        return True

    def own_hints(self) -> tuple[KeyHint, ...]:
        """When it is done, enter goes on."""
        return (KeyHint("enter", "continue", "finish"),) if self._result else ()

    @on(Button.Pressed, "#continue")
    def action_finish(self) -> None:
        """Go back to where one came from, signed in."""
        self.dismiss(True)

    @on(Button.Pressed, "#back")
    def _leave(self) -> None:
        self.go_back()
