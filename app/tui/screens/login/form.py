"""Sign-in with an API key or a token."""

from collections.abc import Mapping
from functools import partial
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Button, Input, Static

from app.domain import inputs
from app.domain.errors import LoopinError, UsageError
from app.domain.login import LoginStep
from app.tui.screens.account_state import AppContext
from app.tui.screens.login.flow_screen import LoginFlowScreen
from app.tui.screens.login.methods import Field, LoginMethod
from app.tui.screens.messages import error_lines, sign_in_key
from app.tui.screens.workers import read
from widgets.checkbox import BracketCheckbox
from widgets.footer import KeyHint
from widgets.paste_input import PasteInput
from widgets.presenter import clean
from widgets.signed_in_panel import SignedInPanel
from widgets.step_list import StepList

_TYPEABLE = 60


class LoginFormScreen(LoginFlowScreen):
    """Masked inputs that are checked while they are filled in.

    Nothing is stored before the server has accepted it; a refusal leaves the keychain and the form as they
    are.
    """

    BINDINGS: ClassVar[list[BindingType]] = []
    CSS_PATH = "form.tcss"
    AUTO_FOCUS = "Input"

    def __init__(self, app_context: AppContext, method: LoginMethod) -> None:
        super().__init__(app_context, method)
        self._verifying = False
        self._inputs = {
            field.name: PasteInput(
                placeholder=field.placeholder, password=field.masked, id=f"field-{field.name}"
            )
            for field in self._fields
        }
        self._notes = {
            field.name: Static("", id=f"note-{field.name}", classes="form-note", markup=False)
            for field in self._fields
        }
        self._demo_box = Vertical(id="form-demo")
        self._show_typed = BracketCheckbox("Show what is typed", id="form-show")
        self._step_list = StepList()
        self._signed_in_panel = SignedInPanel()
        self._error_line = Static("", id="form-error", markup=False)
        self._submit_button = Button("Verify and sign in", id="submit", variant="primary")
        self._continue_button = Button("Continue", id="continue", variant="primary")
        self._back_button = Button("Back", id="back")

    @property
    def _fields(self) -> tuple[Field, ...]:
        return self._method.form.fields if self._method.form else ()

    def compose_body(self) -> ComposeResult:
        title = f"Sign in to {self._method.provider.title}: {self._method.title}"
        yield Static(title, id="form-title", markup=False)
        with VerticalScroll(can_focus=False):
            for words in self._method.form.about if self._method.form else ():
                yield Static(clean(words, 400), classes="form-about", markup=False)
            for field in self._fields:
                yield Static(field.label, classes="form-label", markup=False)
                yield self._inputs[field.name]
                yield self._notes[field.name]
            with self._demo_box:
                yield Static(self._demo_hint(), markup=False)
                yield Button("Fill in the sample", id="sample", compact=True)
            yield self._show_typed
            yield self._step_list
            yield self._signed_in_panel
            yield self._error_line
            with Horizontal(id="form-buttons"):
                yield self._submit_button
                yield self._continue_button
                yield self._back_button

    def on_mount(self) -> None:
        for field in self._fields:
            self._describe(field, "")
        self._show()

    # ── the demo ──

    @property
    def _samples(self) -> Mapping[str, str]:
        demo = self.app_context.demo
        return demo.samples.get(self._method.method, {}) if demo else {}

    def _demo_hint(self) -> Content:
        # A token is far too long to be typed: the button has it.
        shown = [f for f in self._fields if 0 < len(self._samples.get(f.name, "")) < _TYPEABLE]
        lines = [Content.assemble((f"{f.label}  ", "$text-muted"), self._samples[f.name]) for f in shown]
        badge = Content.styled("DEMO  ", "bold $text-warning")
        return badge + Content(f"\n{' ' * len(badge)}").join(lines)

    @on(Button.Pressed, "#sample")
    def _fill_in(self) -> None:
        for name, value in self._samples.items():
            self._inputs[name].value = value
        self._submit_button.focus()

    # ── typing ──

    @on(BracketCheckbox.Changed, "#form-show")
    def _change_masking(self, event: BracketCheckbox.Changed) -> None:
        for field in self._fields:
            self._inputs[field.name].password = field.masked and not event.value

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        self._describe(next(f for f in self._fields if f"field-{f.name}" == event.input.id), event.value)
        self.refresh_bindings()

    def _describe(self, field: Field, value: str) -> None:
        value = _read(field, value)
        wrong = field.check(value) if value else ""
        about = field.about(value) if value else field.where
        words, style = (wrong, "$text-warning") if wrong else (about, "$text-muted")
        self._notes[field.name].update(Content.assemble((clean(words, 200), style)))

    @on(Input.Submitted)
    def action_enter(self) -> None:
        """Focus the next empty field, else submit."""
        if (empty := self._next_empty()) is not None:
            empty.focus()
        else:
            self._submit()

    def _next_empty(self) -> Input | None:
        """The first empty field, apart from the focused one."""
        inputs = self._inputs.values()
        return next((box for box in inputs if not box.value.strip() and box is not self.focused), None)

    def own_hints(self) -> tuple[KeyHint, ...]:
        """Enter goes to the next field or submits."""
        if not isinstance(self.focused, Input):
            return super().own_hints()
        return (KeyHint("enter", "next field" if self._next_empty() else "verify and sign in", "enter"),)

    # ── signing in ──

    @on(Button.Pressed, "#submit")
    def _submit(self) -> None:
        if self._verifying:
            return
        for field in self._fields:
            box = self._inputs[field.name]
            if wrong := field.check(_read(field, box.value)):
                note = Content.assemble((f"✗ {clean(wrong, 200)}", "$text-error"))
                self._notes[field.name].update(note)
                box.focus()
                return
        self._steps, self._error, self._last, self._verifying = {}, None, None, True
        self._show()
        self._run({field.name: _read(field, self._inputs[field.name].value) for field in self._fields})

    # The service shields what must not be cancelled.
    @read("sign in", group="login")
    async def _run(self, values: dict[str, str]) -> None:
        if self._method.form is None:
            return
        await self._follow(partial(self._method.form.sign_in, values))

    def _add_step(self, step: LoginStep) -> None:
        super()._add_step(step)
        self._verifying = self._error is None and self._result is None
        if self._result is not None:
            # The secret is in the keychain now.
            for box in self._inputs.values():
                box.value = ""

    def show_failure(self, error: BaseException, group: str) -> bool:
        """Show it under the fields, which stay filled."""
        if isinstance(error, LoopinError) and group == "login":
            self._verifying = False
        return super().show_failure(error, group)

    def _show(self) -> None:
        done = self._result is not None
        self._step_list.happened = self._steps
        self._step_list.plan = self._method.steps if self._verifying else ()
        self._step_list.display = bool(self._steps) or self._verifying
        self._signed_in_panel.result = self._result
        self._signed_in_panel.display = done
        for widget in self.query(".form-about, .form-label, .form-note, Input"):
            widget.display = not done
        self._show_typed.display = not done and any(field.masked for field in self._fields)
        self._demo_box.display = bool(self._samples) and not done
        self._error_line.update(error_lines(self._error, sign_in_key(self)))
        self._error_line.display = self._error is not None
        self._submit_button.disabled = self._verifying
        self._submit_button.display = self._back_button.display = not done
        self._continue_button.display = done
        if done:
            self._continue_button.focus()
        elif not self._fields and not self._verifying:
            # A button that is disabled loses the focus, and there is no field to get it.
            self._submit_button.focus()

    def cancel_running(self) -> bool:
        """Cancel the verification and keep the form."""
        if not self._verifying or self._finishing:
            return False
        self.workers.cancel_group(self, "login")
        self._verifying, self._steps = False, {}
        self._show()
        return True

    def go_back(self) -> bool:
        """Leave and forget what was typed."""
        if not self._may_leave():
            return True
        self.workers.cancel_group(self, "login")
        self.dismiss(self._result is not None)
        return True


def _read(field: Field, value: str) -> str:
    """The value of a field, read as the services read it."""
    try:
        if not field.masked:
            return inputs.read_text(value, field.label)
        secret = inputs.read_secret(value, field.label)
    except UsageError:
        # Not complete yet; the service reports it when it is sent.
        return value
    return secret.reveal() if secret else ""
