"""Sign-in in the browser: its steps as they happen."""

import asyncio
from dataclasses import replace
from functools import partial
from typing import ClassVar
from urllib.parse import urlsplit

from textual import on
from textual.app import ComposeResult, SuspendNotSupported
from textual.binding import BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.widgets import Button, Input, Static

from app.domain.errors import PortBusy
from app.domain.login import LoginStep, Step, StepState
from app.domain.ports import Browser
from app.services.clipboard import ClipboardService
from app.services.login.browser import BrowserOptions
from app.services.login.callback import TIMEOUT
from app.tui.commands.bindings import bindings_for, shown_key
from app.tui.commands.registry import CommandGroup, by_id
from app.tui.screens.account_state import AppContext
from app.tui.screens.dialogs.print_outside import print_outside
from app.tui.screens.login.flow_screen import LoginFlowScreen
from app.tui.screens.login.methods import BrowserFlow, LoginMethod
from app.tui.screens.messages import error_lines, sign_in_key
from app.tui.screens.workers import change, read
from widgets.button_label import relabel
from widgets.paste_input import PasteInput
from widgets.presenter import clean
from widgets.signed_in_panel import SignedInPanel
from widgets.step_list import StepList

_NEEDS_URL = frozenset({"copy", "print", "open"})
_LABEL = 18
_HELP_TEXTS = {
    "copy": "copy the URL",
    "print": "print it outside the app",
    "open": "open again",
    "paste": "paste the address your browser ended on",
}
_AFTER_FAILURE = frozenset({"retry", "other_port"})


class LoginProgressScreen(LoginFlowScreen):
    """Follows one sign-in in the browser. Leaving it cancels, and frees the port at once.

    After a failure it goes on from what the server gave, where that is still good, else it starts over.
    """

    BINDINGS: ClassVar[list[BindingType]] = bindings_for(CommandGroup.SIGNING_IN)
    CSS_PATH = "progress.tcss"
    LAST_STEPS = frozenset({Step.STATE, Step.EXCHANGE, Step.VERIFIED, Step.SAVED})

    def __init__(
        self,
        app_context: AppContext,
        method: LoginMethod,
        how: BrowserOptions,
        browser: Browser,
        copy: ClipboardService,
    ) -> None:
        super().__init__(app_context, method)
        self._how = replace(how, keep=True)
        self._browser, self._copy = browser, copy
        self._flow: BrowserFlow | None = None
        self._answers: asyncio.Queue[str] = asyncio.Queue()
        """Pasted text in place of the browser's callback."""
        self._url = self._callback = ""
        self._begun = 0.0
        self._not_waiting = asyncio.Event()
        self._heading = Static(self._title(), id="progress-title", markup=False)
        self._elapsed = Static("", id="progress-elapsed")
        self._replaces = Static("", id="progress-replaces", classes="muted", markup=False)
        self._step_list = StepList()
        self._signed_in_panel = SignedInPanel()
        self._error_line = Static("", id="progress-error", markup=False)
        self._help_text = Static("", id="progress-help", markup=False)
        self._paste = PasteInput(
            placeholder="paste here, then enter", password=True, id="progress-paste", compact=True
        )
        self._demo_line = Static("", id="progress-demo", markup=False)
        self._continue_button = Button("Continue", id="continue", variant="primary")
        self._retry_button = Button("Try again", id="retry", variant="primary")
        self._other_port_button = Button("Use another port", id="other-port")
        self._back_button = Button("Back", id="back")

    def compose_body(self) -> ComposeResult:
        with Horizontal(id="progress-head"):
            yield self._heading
            yield self._elapsed
        yield self._replaces
        with VerticalScroll(can_focus=False):
            yield self._step_list
            yield self._signed_in_panel
            yield self._error_line
            yield self._help_text
            yield self._paste
            yield self._demo_line
            with Horizontal(id="progress-buttons"):
                yield self._continue_button
                yield self._retry_button
                yield self._other_port_button
                yield self._back_button

    def _title(self) -> str:
        """The title, with the server once it is known."""
        ready = self._steps.get(Step.KEYCHAIN)
        where = f" at {clean(ready.server, 60)}" if ready is not None and ready.server else ""
        return f"Signing in to {self._method.provider.title}{where}"

    def on_mount(self) -> None:
        self.set_interval(0.5, self._show_elapsed)
        self._restart()

    # ── the flow ──

    def _restart(self) -> None:
        self._steps, self._url, self._callback = {}, "", ""
        self._error, self._result, self._last = None, None, None
        self._begun = self.app_context.clock.monotonic()
        self._flow = self._method.browser() if self._method.browser else None
        self._answers = asyncio.Queue()
        self._step_list.plan, self._step_list.patience = self._plan(), TIMEOUT
        self._show()
        self._run()

    def _resume(self) -> None:
        """Continue from the verification: the steps before it are still valid."""
        repeated = {Step.KEYCHAIN, Step.VERIFIED, Step.SAVED}
        self._steps = {step: state for step, state in self._steps.items() if step not in repeated}
        self._error, self._last = None, None
        self._show()
        self._run()

    def _plan(self) -> tuple[Step, ...]:
        return tuple(s for s in self._method.steps if not (self._how.headless and s is Step.LISTENING))

    # The service shields what must not be cancelled.
    @read("sign in", group="login")
    async def _run(self) -> None:
        if self._flow is not None:
            await self._follow(partial(self._flow.sign_in, self._how, self._answers))

    def _add_step(self, step: LoginStep) -> None:
        super()._add_step(step)
        self._url, self._callback = step.url or self._url, step.callback or self._callback

    # ── showing ──

    def _show(self) -> None:
        self._show_elapsed()
        self._step_list.happened = self._steps
        self._step_list.plan = () if self._result or self._error else self._plan()
        self._heading.update(self._title())
        ready = self._steps.get(Step.KEYCHAIN)
        self._replaces.display = ready is not None and bool(ready.replaces)
        self._replaces.update(f"Replaces {clean(ready.replaces)}" if ready is not None else "")
        self._signed_in_panel.result = self._result
        self._signed_in_panel.display = self._result is not None
        self._error_line.update(self._why())
        self._error_line.display = self._error is not None
        self._help_text.update(self._help())
        self._help_text.display = self._waiting
        self._show_demo()
        self._show_buttons()
        self.refresh_bindings()
        if not self._waiting:
            self._not_waiting.set()

    def _why(self) -> Content:
        """What failed, the next step, and what a retry starts from."""
        if self._error is None:
            return Content("")
        words = ""
        if self._resumable:
            words = "Trying again goes on from here: you need not allow access again."
        elif Step.WAITING in self._steps:
            words = "Starting over opens a new page in the browser."
        more = f"\n  {words}" if words else ""
        return Content.assemble(error_lines(self._error, sign_in_key(self)), (more, "$text-muted"))

    @property
    def _resumable(self) -> bool:
        return self._flow is not None and self._flow.resumable

    def _show_elapsed(self) -> None:
        self._step_list.now = self.app_context.clock.now()
        if self._result is None and self._error is None:
            seconds = int(self.app_context.clock.monotonic() - self._begun)
            words = f"elapsed {seconds // 60}:{seconds % 60:02d}"
            self._elapsed.update(words)

    @property
    def _waiting(self) -> bool:
        waiting = self._steps.get(Step.WAITING)
        return waiting is not None and waiting.state is StepState.RUNNING and self._error is None

    def _help(self) -> Content:
        if not self._waiting:
            return Content("")
        parts = [*self._help_line("Not opening?", "copy", "print", "open"), "\n"]
        parts += self._help_line("Ended elsewhere?", "paste")
        if port := urlsplit(self._callback).port if self._callback else None:
            tunnel = f"ssh -L {port}:127.0.0.1:{port} user@host"
            parts += [("\n" + "On a remote box".ljust(_LABEL), "$text-muted"), tunnel]
        return Content.assemble(*parts)

    def _help_line(self, label: str, *names: str) -> list[tuple[str, str] | str]:
        parts: list[tuple[str, str] | str] = [(label.ljust(_LABEL), "$text-muted")]
        for name in names:
            key = shown_key(by_id(f"login.{name}"), self.app_context.keys)
            parts += [(key, "bold $accent"), f" {_HELP_TEXTS[name]}   "]
        return parts

    def _show_demo(self) -> None:
        demo = self.app_context.demo
        self._demo_line.display = demo is not None and self._waiting
        if demo is not None:
            self._demo_line.update(
                Content.assemble(
                    ("DEMO  ", "bold $text-warning"),
                    ("e-mail ", "$text-muted"),
                    (demo.email, "bold"),
                    ("   password ", "$text-muted"),
                    (demo.password, "bold"),
                )
            )

    def _show_buttons(self) -> None:
        failed, done = self._error is not None, self._result is not None
        self._continue_button.display = done
        self._retry_button.display = failed
        starts_over = Step.WAITING in self._steps and not self._resumable
        relabel(self._retry_button, "Start over" if starts_over else "Try again")
        self._other_port_button.display = isinstance(self._error, PortBusy)
        self._back_button.display = not done
        relabel(self._back_button, "Back" if failed else "Cancel")
        self._paste.display = self._paste.display and self._waiting
        button = self._continue_button if done else self._retry_button if failed else None
        if button is not None and self.focused is not button:
            button.focus()

    # ── what can be done ──

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Hide the keys of other states; those that only need the address are greyed out."""
        if action in _AFTER_FAILURE and self._error is None:
            return False
        if action == "other_port" and not isinstance(self._error, PortBusy):
            return False
        if action in _NEEDS_URL | {"paste"} and (self._error or self._result):
            return False
        return super().check_action(action, parameters)

    def why_disabled(self, action: str, parameters: tuple[object, ...]) -> str:
        """The address is not known yet, or no paste is expected."""
        if action in _NEEDS_URL and not self._url:
            return "the address is not known yet"
        if action == "paste" and not self._waiting:
            return "nothing is awaited yet"
        return ""

    @change("copy the address")
    async def action_copy(self) -> None:
        """Copy the address of the sign-in page."""
        self._notify(f"the address: {await self._copy.copy_text(self._url)}")

    @change("open the sign-in page")
    async def action_open(self) -> None:
        """Open the sign-in page once more."""
        self._notify(f"opened in {clean(await self._browser.open(self._url), 40)}")

    def _notify(self, words: str) -> None:
        self.notify(words, timeout=4, markup=False)

    @read("print the address", group="print")
    async def action_print(self) -> None:
        """Leave the full screen, and print the address on one line that the terminal can copy whole.

        The sign-in goes on meanwhile; its end leads back.
        """
        self._not_waiting.clear()
        words = f"Open this address in a browser:\n\n{self._url}"
        try:
            await print_outside(self.app, words, self._not_waiting)
        except SuspendNotSupported:
            self.notify("this terminal cannot leave the app: copy the URL instead", severity="warning")

    def action_paste(self) -> None:
        """Ask for the address, masked: it may contain a token."""
        self._paste.display = True
        self._paste.focus()

    @on(Input.Submitted, "#progress-paste")
    def _pasted(self, event: Input.Submitted) -> None:
        if event.value.strip() and self._flow is not None:
            self._answers.put_nowait(event.value)
            event.input.value, event.input.display = "", False

    @on(Button.Pressed, "#retry")
    def action_retry(self) -> None:
        """Continue from the failed step where that is possible, else start over."""
        if self._error is None:
            return
        if self._resumable:
            self._resume()
        else:
            self._restart()

    @on(Button.Pressed, "#other-port")
    def action_other_port(self) -> None:
        """Start again on any port that is free."""
        if self._error is None:
            return
        self._how = replace(self._how, port=0)
        self._restart()

    def cancel_running(self) -> bool:
        """Cancel the sign-in until the callback has arrived."""
        if self._error is not None or self._result is not None or self._finishing:
            return False
        return self.go_back()

    def go_back(self) -> bool:
        """Close the paste field, else leave. Cancelling the worker closes the flow, and so the port.

        Once the answer is there, it is not left any more: what the server gave is stored.
        """
        if not self._may_leave():
            return True
        if self._paste.display and self._waiting:
            self._paste.value, self._paste.display = "", False
            return True
        self.workers.cancel_group(self, "login")
        if self._flow is not None and self._flow.resumable:
            # The screen goes, and its workers with it: the app sees to the end of this one.
            self.app.run_worker(self._flow.discard(), description="give the sign-in up", exit_on_error=False)
        self.dismiss(self._result is not None)
        return True
