"""Sign in, step 2: watch it happen."""

import asyncio
from dataclasses import replace
from functools import partial
from typing import ClassVar
from urllib.parse import urlsplit

from textual import on, work
from textual.app import ComposeResult, SuspendNotSupported
from textual.binding import BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.widgets import Button, Input, Static

from app.domain.errors import PortBusy
from app.domain.login import LoginStep, Step, StepState
from app.domain.ports import Browser
from app.services.clipboard import ClipboardService
from app.services.login.browser import BrowserOptions
from app.services.login.callback import TIMEOUT
from app.tui.commands.bindings import bindings_for, shown_key
from app.tui.commands.command import Room
from app.tui.commands.registry import by_id
from app.tui.screens.account_state import Frame
from app.tui.screens.dialogs.print_outside import print_outside
from app.tui.screens.login.methods import BrowserFlow, Offer
from app.tui.screens.login.watch import LoginWatchScreen
from app.tui.screens.messages import reason, sign_in_key
from app.tui.screens.workers import change
from widgets.button_label import relabel
from widgets.paste_input import PasteInput
from widgets.presenter import clean
from widgets.signed_in_panel import SignedInPanel
from widgets.step_list import StepList

_NEEDS_URL = frozenset({"copy", "print", "open"})
_LABEL = 18
_OFFERS = {
    "copy": "copy the URL",
    "print": "print it outside the app",
    "open": "open again",
    "paste": "paste the address your browser ended on",
}
_AFTER_FAILURE = frozenset({"retry", "other_port"})


class LoginProgressScreen(LoginWatchScreen):
    """Follows one sign-in in the browser. Leaving it cancels, and frees the port at once.

    After a failure it goes on from what the server gave, where that is still good, else it starts over.
    """

    BINDINGS: ClassVar[list[BindingType]] = bindings_for(Room.SIGNING_IN)
    CSS_PATH = "progress.tcss"
    LAST_STEPS = frozenset({Step.STATE, Step.EXCHANGE, Step.VERIFIED, Step.SAVED})

    class Told(Message):
        """Something to say in a line: the address was copied, the page opened."""

        def __init__(self, words: str) -> None:
            super().__init__()
            self.words = words

    def __init__(
        self, frame: Frame, offer: Offer, how: BrowserOptions, browser: Browser, copy: ClipboardService
    ) -> None:
        super().__init__(frame, offer)
        self._how = replace(how, keep=True)
        self._browser, self._copy = browser, copy
        self._flow: BrowserFlow | None = None
        self._answers: asyncio.Queue[str] = asyncio.Queue()
        """What is pasted in place of the browser's answer."""
        self._url = self._callback = ""
        self._begun = 0.0
        self._not_waiting = asyncio.Event()

    def compose_body(self) -> ComposeResult:
        with Horizontal(id="progress-head"):
            yield Static(self._title(), id="progress-title", markup=False)
            yield Static("", id="progress-elapsed")
        yield Static("", id="progress-replaces", classes="muted", markup=False)
        with VerticalScroll(can_focus=False):
            yield StepList()
            yield SignedInPanel()
            yield Static("", id="progress-error", markup=False)
            yield Static("", id="progress-help", markup=False)
            yield PasteInput(
                placeholder="paste here, then enter", password=True, id="progress-paste", compact=True
            )
            yield Static("", id="progress-demo", markup=False)
            with Horizontal(id="progress-buttons"):
                yield Button("Continue", id="continue", variant="primary")
                yield Button("Try again", id="retry", variant="primary")
                yield Button("Use another port", id="other-port")
                yield Button("Back", id="back")

    def _title(self) -> str:
        """Name the server as soon as the flow tells it."""
        ready = self._steps.get(Step.KEYCHAIN)
        where = f" at {clean(ready.server, 60)}" if ready is not None and ready.server else ""
        return f"Signing in to {self._offer.provider.title}{where}"

    def on_mount(self) -> None:
        self.set_interval(0.5, self._tick_steps)
        self._start()

    # ── the flow ──

    def _start(self) -> None:
        self._steps, self._url, self._callback = {}, "", ""
        self._error, self._result, self._last = None, None, None
        self._begun = self.frame.clock.monotonic()
        self._flow = self._offer.browser() if self._offer.browser else None
        self._answers = asyncio.Queue()
        steps = self.query_one(StepList)
        steps.plan, steps.patience = self._plan(), TIMEOUT
        self._paint()
        self._run()

    def _resume(self) -> None:
        """Once more from the verification: what came before it still holds."""
        again = {Step.KEYCHAIN, Step.VERIFIED, Step.SAVED}
        self._steps = {step: told for step, told in self._steps.items() if step not in again}
        self._error, self._last = None, None
        self._paint()
        self._run()

    def _plan(self) -> tuple[Step, ...]:
        return tuple(s for s in self._offer.steps if not (self._how.headless and s is Step.LISTENING))

    # It follows the sign-in; what must not be cut is shielded there.
    @work(exclusive=True, group="login", description="sign in", exit_on_error=False)
    async def _run(self) -> None:
        if self._flow is not None:
            await self._follow(partial(self._flow.sign_in, self._how, self._answers))

    def _keep(self, step: LoginStep) -> None:
        super()._keep(step)
        self._url, self._callback = step.url or self._url, step.callback or self._callback

    # ── painting ──

    def _paint(self) -> None:
        self._tick_steps()
        self.query_one(StepList).happened = self._steps
        self.query_one("#progress-title", Static).update(self._title())
        ready = self._steps.get(Step.KEYCHAIN)
        replaces = self.query_one("#progress-replaces", Static)
        replaces.display = ready is not None and bool(ready.replaces)
        replaces.update(f"Replaces {clean(ready.replaces)}" if ready is not None else "")
        self.query_one(StepList).plan = () if self._result or self._error else self._plan()
        self.query_one(SignedInPanel).result = self._result
        self.query_one(SignedInPanel).display = self._result is not None
        self.query_one("#progress-error", Static).update(self._why())
        self.query_one("#progress-error").display = self._error is not None
        self.query_one("#progress-help").display = self._waiting
        self.query_one("#progress-help", Static).update(self._help())
        self._paint_demo()
        self._paint_buttons()
        self.refresh_bindings()
        if not self._waiting:
            self._not_waiting.set()

    def _why(self) -> Content:
        """What failed, the next step, and what another try begins with."""
        if self._error is None:
            return Content("")
        words = ""
        if self._resumable:
            words = "Trying again goes on from here: you need not allow access again."
        elif Step.WAITING in self._steps:
            words = "Starting over opens a new page in the browser."
        more = f"\n  {words}" if words else ""
        return Content.assemble(reason(self._error, sign_in_key(self)), (more, "$text-muted"))

    @property
    def _resumable(self) -> bool:
        return self._flow is not None and self._flow.resumable

    def _tick_steps(self) -> None:
        self.query_one(StepList).now = self.frame.clock.now()
        if self._result is None and self._error is None:
            seconds = int(self.frame.clock.monotonic() - self._begun)
            words = f"elapsed {seconds // 60}:{seconds % 60:02d}"
            self.query_one("#progress-elapsed", Static).update(words)

    @property
    def _waiting(self) -> bool:
        told = self._steps.get(Step.WAITING)
        return told is not None and told.state is StepState.RUNNING and self._error is None

    def _help(self) -> Content:
        if not self._waiting:
            return Content("")
        parts = [*self._offered("Not opening?", "copy", "print", "open"), "\n"]
        parts += self._offered("Ended elsewhere?", "paste")
        if port := urlsplit(self._callback).port if self._callback else None:
            tunnel = f"ssh -L {port}:127.0.0.1:{port} user@host"
            parts += [("\n" + "On a remote box".ljust(_LABEL), "$text-muted"), tunnel]
        return Content.assemble(*parts)

    def _offered(self, label: str, *names: str) -> list[tuple[str, str] | str]:
        parts: list[tuple[str, str] | str] = [(label.ljust(_LABEL), "$text-muted")]
        for name in names:
            key = shown_key(by_id(f"login.{name}"), self.frame.keys)
            parts += [(key, "bold $accent"), f" {_OFFERS[name]}   "]
        return parts

    def _paint_demo(self) -> None:
        line, demo = self.query_one("#progress-demo", Static), self.frame.demo
        line.display = demo is not None and self._waiting
        if demo is not None:
            line.update(
                Content.assemble(
                    ("DEMO  ", "bold $text-warning"),
                    ("e-mail ", "$text-muted"),
                    (demo.email, "bold"),
                    ("   password ", "$text-muted"),
                    (demo.password, "bold"),
                )
            )

    def _paint_buttons(self) -> None:
        failed, done = self._error is not None, self._result is not None
        self.query_one("#continue").display = done
        over = Step.WAITING in self._steps and not self._resumable
        self.query_one("#retry").display = failed
        relabel(self.query_one("#retry", Button), "Start over" if over else "Try again")
        self.query_one("#other-port").display = isinstance(self._error, PortBusy)
        self.query_one("#back", Button).display = not done
        relabel(self.query_one("#back", Button), "Back" if failed else "Cancel")
        paste = self.query_one("#progress-paste", Input)
        paste.display = paste.display and self._waiting
        wanted = "#continue" if done else "#retry" if failed else None
        if wanted and self.focused is not self.query_one(wanted):
            self.query_one(wanted).focus()

    # ── what can be done ──

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Keys of a state that is not there are hidden; those that only lack the address are grey."""
        if action in _AFTER_FAILURE and self._error is None:
            return False
        if action == "other_port" and not isinstance(self._error, PortBusy):
            return False
        if action in _NEEDS_URL | {"paste"} and (self._error or self._result):
            return False
        return super().check_action(action, parameters)

    def why_disabled(self, action: str, parameters: tuple[object, ...]) -> str:
        """There is no address yet, or nobody waits for one."""
        if action in _NEEDS_URL and not self._url:
            return "the address is not known yet"
        if action == "paste" and not self._waiting:
            return "nothing is awaited yet"
        return ""

    @change("copy the address")
    async def action_copy(self) -> None:
        """Copy the address of the sign-in page."""
        self.post_message(self.Told(f"the address: {await self._copy.copy_text(self._url)}"))

    @change("open the sign-in page")
    async def action_open(self) -> None:
        """Open the sign-in page once more."""
        self.post_message(self.Told(f"opened in {clean(await self._browser.open(self._url), 40)}"))

    @on(Told)
    def _told(self, event: Told) -> None:
        self.notify(event.words, timeout=4, markup=False)

    @work(exclusive=True, group="print", description="print the address", exit_on_error=False)
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
        """Ask for the address; it is masked, for a token may be in it."""
        box = self.query_one("#progress-paste", Input)
        box.display = True
        box.focus()

    @on(Input.Submitted, "#progress-paste")
    def _pasted(self, event: Input.Submitted) -> None:
        if event.value.strip() and self._flow is not None:
            self._answers.put_nowait(event.value)
            event.input.value, event.input.display = "", False

    @on(Button.Pressed, "#retry")
    def action_retry(self) -> None:
        """Go on from what failed where that can be, else start over."""
        if self._error is None:
            return
        if self._resumable:
            self._resume()
        else:
            self._start()

    @on(Button.Pressed, "#other-port")
    def action_other_port(self) -> None:
        """Start again on any port that is free."""
        if self._error is None:
            return
        self._how = replace(self._how, port=0)
        self._start()

    def cancel_running(self) -> bool:
        """Ctrl+c cancels the sign-in, until the answer is there."""
        if self._error is not None or self._result is not None or self._finishing:
            return False
        return self.go_back()

    def go_back(self) -> bool:
        """Close the paste field, else leave. Cancelling the worker closes the flow, and so the port.

        Once the answer is there, it is not left any more: what the server gave is stored.
        """
        if not self._may_leave():
            return True
        box = self.query_one("#progress-paste", Input)
        if box.display and self._waiting:
            box.value, box.display = "", False
            return True
        self.workers.cancel_group(self, "login")
        if self._flow is not None and self._flow.resumable:
            # The screen goes, and its workers with it: the app sees to the end of this one.
            self.app.run_worker(self._flow.discard(), description="give the sign-in up", exit_on_error=False)
        self.dismiss(self._result is not None)
        return True
