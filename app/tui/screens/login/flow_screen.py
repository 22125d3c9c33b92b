"""Base of the screens that follow a sign-in step by step."""

from abc import abstractmethod
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import ClassVar

from textual import on
from textual.widgets import Button

from app.domain.errors import LoopinError
from app.domain.login import LoginStep, SignedIn, Step, StepState
from app.services.login.progress import Report
from app.tui.commands.registry import CommandGroup
from app.tui.screens.account_state import AppContext
from app.tui.screens.base_screen import BaseScreen
from app.tui.screens.login.methods import LoginMethod
from widgets.footer import KeyHint


class LoginFlowScreen(BaseScreen):
    """Shows the steps of one flow; its result is True when somebody signed in."""

    COMMAND_GROUP = CommandGroup.SIGNING_IN
    TAB = "app.accounts"
    LAST_STEPS: ClassVar[frozenset[Step]] = frozenset({Step.SAVED})
    """Steps during which the sign-in is not cancelled any more."""

    def __init__(self, app_context: AppContext, method: LoginMethod) -> None:
        super().__init__(app_context)
        self._method = method
        self._steps: dict[Step, LoginStep] = {}
        self._error: LoopinError | None = None
        self._result: SignedIn | None = None
        self._last: LoginStep | None = None

    @property
    def _finishing(self) -> bool:
        """Whether the sign-in uses what the server gives once: it then runs to its end."""
        if self._last is None or self._error is not None or self._result is not None:
            return False
        return self._last.step in self.LAST_STEPS

    def _may_leave(self) -> bool:
        """Whether the screen may be left; notify the user when the sign-in can no longer be cancelled."""
        if self._finishing:
            words = "The answer is here: the sign-in is being finished, and its end is waited for."
            self.notify(words, severity="warning", timeout=4, markup=False)
        return not self._finishing

    @abstractmethod
    def _show(self) -> None:
        """Show the state of the flow."""

    async def _follow(self, sign_in: Callable[[Report], Awaitable[object]]) -> None:
        """Sign in and show each step."""
        # Later: an error while a step is shown must not end the sign-in. The last step carries its own error.
        with suppress(LoopinError):
            await sign_in(lambda step: self.call_later(self._show_step, step))

    def _show_step(self, step: LoginStep) -> None:
        self._add_step(step)
        self._show()

    def _add_step(self, step: LoginStep) -> None:
        self._steps = {**self._steps, step.step: step}
        self._last = step
        self._error = step.error if step.state is StepState.FAILED else self._error
        if step.result is not None:
            self._result = step.result
            self.app_context.on_signed_in(step.result)

    def show_failure(self, error: BaseException, group: str) -> bool:
        """Show an error past the last step in the same way as one in a step."""
        if group != "login" or not isinstance(error, LoopinError):
            return False
        self._error = error
        self._show()
        return True

    def own_hints(self) -> tuple[KeyHint, ...]:
        """Enter continues after the sign-in."""
        return (KeyHint("enter", "continue", "finish"),) if self._result else ()

    @on(Button.Pressed, "#continue")
    def action_finish(self) -> None:
        """Leave, signed in."""
        self.dismiss(True)

    @on(Button.Pressed, "#back")
    def _leave(self) -> None:
        self.go_back()
