"""Sign in with something that one already has: a key or a token."""

from collections.abc import Mapping
from functools import partial
from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Button, Input, Static
from textual.worker import Worker

from app.domain import inputs
from app.domain.errors import LoopinError, UsageError
from app.domain.login import LoginStep
from app.tui.screens.account_state import Frame
from app.tui.screens.login.methods import Field, Offer
from app.tui.screens.login.watch import LoginWatchScreen
from app.tui.screens.messages import reason, sign_in_key
from widgets.checkbox import Tick
from widgets.footer import KeyHint
from widgets.paste_input import PasteInput
from widgets.presenter import clean
from widgets.signed_in_panel import SignedInPanel
from widgets.step_list import StepList

_TYPEABLE = 60


class LoginFormScreen(LoginWatchScreen):
    """Masked fields with checks while typing. Nothing is saved before the server accepted it, and a
    refusal leaves the keychain as it was and the form filled."""

    BINDINGS: ClassVar[list[BindingType]] = []
    CSS_PATH = "form.tcss"
    AUTO_FOCUS = "Input"

    def __init__(self, frame: Frame, offer: Offer) -> None:
        super().__init__(frame, offer)
        self._verifying = False

    @property
    def _fields(self) -> tuple[Field, ...]:
        return self._offer.form.fields if self._offer.form else ()

    def compose_body(self) -> ComposeResult:
        title = f"Sign in to {self._offer.provider.title}: {self._offer.title}"
        yield Static(title, id="form-title", markup=False)
        with VerticalScroll(can_focus=False):
            for words in self._offer.form.about if self._offer.form else ():
                yield Static(clean(words, 400), classes="form-about", markup=False)
            for field in self._fields:
                yield Static(field.label, classes="form-label", markup=False)
                yield PasteInput(
                    placeholder=field.placeholder, password=field.masked, id=f"field-{field.name}"
                )
                yield Static("", id=f"note-{field.name}", classes="form-note", markup=False)
            with Vertical(id="form-demo"):
                yield Static(self._demo_hint(), markup=False)
                yield Button("Fill in the sample", id="sample", compact=True)
            yield Tick("Show what is typed", id="form-show")
            yield StepList()
            yield SignedInPanel()
            yield Static("", id="form-error", markup=False)
            with Horizontal(id="form-buttons"):
                yield Button("Verify and sign in", id="submit", variant="primary")
                yield Button("Continue", id="continue", variant="primary")
                yield Button("Back", id="back")

    def on_mount(self) -> None:
        for field in self._fields:
            self._note(field, "")
        self._paint()

    # ── the demo ──

    @property
    def _samples(self) -> Mapping[str, str]:
        demo = self.frame.demo
        return demo.samples.get(self._offer.method, {}) if demo else {}

    def _demo_hint(self) -> Content:
        # A token is far too long to be typed: the button has it.
        shown = [f for f in self._fields if 0 < len(self._samples.get(f.name, "")) < _TYPEABLE]
        lines = [Content.assemble((f"{f.label}  ", "$text-muted"), self._samples[f.name]) for f in shown]
        badge = Content.styled("DEMO  ", "bold $text-warning")
        return badge + Content(f"\n{' ' * len(badge)}").join(lines)

    @on(Button.Pressed, "#sample")
    def _fill_in(self) -> None:
        for name, value in self._samples.items():
            self.query_one(f"#field-{name}", Input).value = value
        self.query_one("#submit").focus()

    # ── typing ──

    @on(Tick.Changed, "#form-show")
    def _show(self, event: Tick.Changed) -> None:
        for field in self._fields:
            self.query_one(f"#field-{field.name}", Input).password = field.masked and not event.value

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        self._note(next(f for f in self._fields if f"field-{f.name}" == event.input.id), event.value)
        self.refresh_bindings()

    def _note(self, field: Field, value: str) -> None:
        value = _read(field, value)
        wrong = field.check(value) if value else ""
        says = field.about(value) if value else field.where
        words, style = (wrong, "$text-warning") if wrong else (says, "$text-muted")
        note = Content.assemble((clean(words, 200), style))
        self.query_one(f"#note-{field.name}", Static).update(note)

    @on(Input.Submitted)
    def action_enter(self) -> None:
        """Enter goes to the next empty field, else it submits."""
        if (empty := self._next_empty()) is not None:
            empty.focus()
        else:
            self._submit()

    def _next_empty(self) -> Input | None:
        """The first field without a value, apart from the one that is typed in."""
        boxes = (self.query_one(f"#field-{field.name}", Input) for field in self._fields)
        return next((b for b in boxes if not b.value.strip() and b is not self.focused), None)

    def own_hints(self) -> tuple[KeyHint, ...]:
        """What enter does in a field, as far as it is filled in."""
        if not isinstance(self.focused, Input):
            return super().own_hints()
        return (KeyHint("enter", "next field" if self._next_empty() else "verify and sign in", "enter"),)

    # ── signing in ──

    @on(Button.Pressed, "#submit")
    def _submit(self) -> None:
        if self._verifying:
            return
        for field in self._fields:
            box = self.query_one(f"#field-{field.name}", Input)
            if wrong := field.check(_read(field, box.value)):
                note = Content.assemble((f"✗ {clean(wrong, 200)}", "$text-error"))
                self.query_one(f"#note-{field.name}", Static).update(note)
                box.focus()
                return
        self._steps, self._error, self._last, self._verifying = {}, None, None, True
        self._paint()
        self._run({f.name: _read(f, self.query_one(f"#field-{f.name}", Input).value) for f in self._fields})

    # It follows the sign-in; what must not be cut is shielded there.
    @work(exclusive=True, group="login", description="sign in", exit_on_error=False)
    async def _run(self, values: dict[str, str]) -> None:
        if self._offer.form is None:
            return
        await self._follow(partial(self._offer.form.sign_in, values))

    def _keep(self, step: LoginStep) -> None:
        super()._keep(step)
        self._verifying = self._error is None and self._result is None
        if self._result is not None:
            # It is in the keychain now, and needs to be nowhere else.
            for box in self.query(Input):
                box.value = ""

    def show_failure(self, error: BaseException, worker: Worker[object]) -> bool:
        """Under the fields, which stay filled."""
        if isinstance(error, LoopinError) and worker.group == "login":
            self._verifying = False
        return super().show_failure(error, worker)

    def _paint(self) -> None:
        done = self._result is not None
        steps = self.query_one(StepList)
        steps.happened, steps.plan = self._steps, self._offer.steps if self._verifying else ()
        steps.display = bool(self._steps) or self._verifying
        self.query_one(SignedInPanel).result = self._result
        self.query_one(SignedInPanel).display = done
        for widget in self.query(".form-about, .form-label, .form-note, Input"):
            widget.display = not done
        self.query_one("#form-show").display = not done and any(field.masked for field in self._fields)
        self.query_one("#form-demo").display = bool(self._samples) and not done
        self.query_one("#form-error", Static).update(reason(self._error, sign_in_key(self)))
        self.query_one("#form-error").display = self._error is not None
        self.query_one("#submit", Button).disabled = self._verifying
        self.query_one("#submit").display = not done
        self.query_one("#back").display = not done
        self.query_one("#continue").display = done
        if done:
            self.query_one("#continue").focus()
        elif not self._fields and not self._verifying:
            # A button that cannot be pressed loses the focus, and there is no field to have it.
            self.query_one("#submit").focus()

    def cancel_running(self) -> bool:
        """Ctrl+c stops the verification and keeps the form."""
        if not self._verifying or self._finishing:
            return False
        self.workers.cancel_group(self, "login")
        self._verifying, self._steps = False, {}
        self._paint()
        return True

    def go_back(self) -> bool:
        """Leave; what was typed is forgotten."""
        if not self._may_leave():
            return True
        self.workers.cancel_group(self, "login")
        self.dismiss(self._result is not None)
        return True


def _read(field: Field, value: str) -> str:
    """What the person means by what stands in a field."""
    try:
        if not field.masked:
            return inputs.read_text(value, field.label)
        secret = inputs.read_secret(value, field.label)
    except UsageError:
        # It is read while somebody types: whoever sends it says what is wrong.
        return value
    return secret.reveal() if secret else ""
