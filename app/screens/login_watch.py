"""What both sign-in screens do with a flow: follow it, and keep what it told."""

from abc import abstractmethod
from collections.abc import AsyncIterator

from textual import on
from textual.message import Message
from textual.widgets import Button
from textual.worker import Worker

from app.commands.command import Room
from app.domain.errors import LoopinError
from app.domain.login import LoginStep, SignedIn, Step, StepState
from app.screens.frame import Frame
from app.screens.login_offers import Offer, following
from app.screens.room import RoomScreen
from widgets.key_bar import KeyHint


class LoginWatchScreen(RoomScreen):
    """Shows the steps of one flow; its result is True when somebody signed in."""

    ROOM = Room.SIGNING_IN
    TAB = "app.accounts"

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

    @abstractmethod
    def _paint(self) -> None:
        """Show where the flow is."""

    async def _follow(self, flow: AsyncIterator[LoginStep]) -> None:
        async with following(flow) as steps:
            async for step in steps:
                self.post_message(self.Happened(step))

    @on(Happened)
    def _happened(self, event: Happened) -> None:
        self._keep(event.step)
        self._paint()

    def _keep(self, step: LoginStep) -> None:
        self._steps = {**self._steps, step.step: step}
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
