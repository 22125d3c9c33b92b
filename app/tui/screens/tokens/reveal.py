"""A new token, shown once."""

from collections.abc import Awaitable, Callable
from typing import ClassVar

from textual import on, work
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Button, Input, Static
from textual.worker import Worker

from app.domain.errors import LoopinError
from app.domain.names import MAX_LENGTH, problem
from app.domain.ports import Clock
from app.domain.secret import Secret
from app.domain.tokens import CreatedToken
from app.services.clipboard import ClipboardService
from app.tui.commands.bindings import bindings_for
from app.tui.commands.command import Room
from app.tui.screens.dialogs.dialog import Confirm, Dialog
from app.tui.screens.messages import reason, sign_in_key
from app.tui.screens.tokens.services import TokenServices
from app.tui.screens.workers import change
from widgets.button_label import relabel
from widgets.presenter import clean

_MASK = "•" * 32
SECONDS = 60
"""How long the token stays on the screen, and on a clipboard that can be emptied."""


class RevealDialog(Dialog[bool]):
    """Says truthfully what was done with the token; leaving before it is safe asks."""

    CSS_PATH = "reveal.tcss"
    AUTO_FOCUS = "#reveal-show"
    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings_for(Room.REVEAL),
        Binding("left", "app.focus_previous", "Previous", show=False),
        Binding("right", "app.focus_next", "Next", show=False),
    ]

    def __init__(
        self,
        created: CreatedToken,
        services: TokenServices,
        clock: Clock,
        settle: Callable[[bool], Awaitable[object]],
        *,
        lives_on: bool = True,
    ) -> None:
        """`settle` hears that the token is safe (True), or that it is left unsaved (False).

        Not `lives_on`: the server ends with the app, and the token with it.
        """
        super().__init__()
        self._created, self._services, self._clock, self._settle = created, services, clock, settle
        self._lives_on = lives_on
        self._shown = False
        self._asking = ""
        self._done: list[str] = []
        self._lasting = False
        self._storing: list[str] = []

    def heading(self) -> str:
        """Which token."""
        return f"{clean(self._created.token.name, 80)} was created"

    def compose_dialog(self) -> ComposeResult:
        yield Static("This is the only time that the token can be seen.", markup=False)
        yield Static("", id="reveal-secret", markup=False)
        yield Static("", id="reveal-state", markup=False)
        with Vertical(id="reveal-ask"):
            yield Static("", id="reveal-question", markup=False)
            yield Input(id="reveal-input", compact=True)
        yield Static("", id="reveal-error", markup=False)
        with Horizontal(classes="dialog-buttons", id="reveal-ways"):
            yield Button("s Show", id="reveal-show")
            yield Button("y Copy", id="reveal-copy")
            yield Button("k To keychain", id="reveal-profile")
            yield Button("f To file", id="reveal-file")
            yield Button("Done", id="reveal-done", variant="primary")

    def on_mount(self) -> None:
        self.watch(self.app, "app_focus", self._focus_moved, init=False)
        self._show()

    def _show(self) -> None:
        secret = self._created.secret
        text = secret.reveal() if self._shown else f"{_MASK} {secret.hint}"
        self.query_one("#reveal-secret", Static).update(Content(text))
        relabel(self.query_one("#reveal-show", Button), "s Hide" if self._shown else "s Show")
        state = self.query_one("#reveal-state", Static)
        state.set_class(self._lasting, "-safe")
        lines = [f"✓ {words}" for words in self._done]
        lines += [f"◌ {storing} …" for storing in self._storing]
        lines = lines or ["! NOT SAVED YET"]
        state.update(Content("\n".join(lines)))

    # ── keeping it ──

    @on(Button.Pressed)
    async def _pressed(self, event: Button.Pressed) -> None:
        event.stop()
        verb = (event.button.id or "").removeprefix("reveal-")
        await self.run_action({"show": "reveal", "done": "leave"}.get(verb, verb))

    def action_reveal(self) -> None:
        """Show the token, or hide it. It hides itself after a while, and when the terminal is left."""
        self._shown = not self._shown
        self._show()
        if self._shown:
            self._hide_later()
        else:
            self.workers.cancel_group(self, "hide")

    @work(exclusive=True, group="hide", description="hide the token", exit_on_error=False)
    async def _hide_later(self) -> None:
        await self._clock.sleep(SECONDS)
        self._hide("hidden again after a minute")

    def _focus_moved(self, focused: bool) -> None:
        if not focused:
            self._hide("hidden: the terminal lost the focus")

    def _hide(self, why: str) -> None:
        if self._shown:
            self._shown = False
            self._show()
            self.notify(why, markup=False)

    def action_copy(self) -> None:
        """Hand it to the clipboard."""
        self._copy()

    def action_profile(self) -> None:
        """Ask for the profile's name."""
        self._ask("profile", "Save to the keychain as profile", self._plain_name())

    def _plain_name(self) -> str:
        """The token's name; empty when it is masked, or none that a file or a profile could have."""
        name = self._created.token.name[:MAX_LENGTH]
        return name if clean(name) == name and not problem(name) else ""

    def action_file(self) -> None:
        """Ask for the file's name."""
        # At once: what is typed now would press the keys of this dialog.
        self._ask("file", "Write to a new file, readable by you alone", "")
        self._offer_file()

    @work(exclusive=True, group="offer", description="find a name for the file", exit_on_error=False)
    async def _offer_file(self) -> None:
        offered = await self._services.token_storage.suggest_path(self._plain_name() or "new")
        field = self.query_one(Input)
        if self._asking == "file" and not field.value:
            field.value = offered
            field.action_select_all()

    def _ask(self, what: str, question: str, suggestion: str) -> None:
        self._asking = what
        self.query_one("#reveal-ask").display = True
        self.query_one("#reveal-question", Static).update(Content(question))
        field = self.query_one(Input)
        field.value = suggestion
        field.focus()

    @on(Input.Submitted)
    def _answered(self, event: Input.Submitted) -> None:
        event.stop()
        if self._asking == "profile":
            self._save_profile(event.value)
        else:
            self._write_file(event.value)

    @change("copy the token")
    async def _copy(self) -> None:
        secret, copying = self._created.secret, self._services.clipboard_service
        words = await copying.copy_text(secret.reveal())
        if copying.can_clear:
            words = f"{words}; the clipboard is emptied in {SECONDS} s, while Loopin runs"
            # The dialog may be gone by then.
            self.app.run_worker(
                empty_later(self.app, copying, secret, self._clock),
                group="clipboard",
                description="empty the clipboard",
                exclusive=True,
                exit_on_error=False,
            )
        self._keep(words, lasting=False)

    @change("save the token to the keychain")
    async def _save_profile(self, profile: str) -> None:
        label = await self._store(
            "saving to the keychain", self._services.token_storage.save_to_keychain, profile
        )
        self._keep(f"saved to {label} as profile {profile.strip()}", lasting=True)
        self._close_question("profile")

    @change("write the token to a file")
    async def _write_file(self, path: str) -> None:
        written = await self._store("writing to a file", self._services.token_storage.write_file, path)
        self._keep(f"written to {written} (0600)", lasting=True)
        self._close_question("file")

    async def _store(self, doing: str, store: Callable[[Secret, str], Awaitable[str]], where: str) -> str:
        """Store the token and note that somebody has it, whatever becomes of this dialog."""

        async def both() -> str:
            stored = await store(self._created.secret, where)
            await self._settle(True)
            return stored

        self._storing.append(doing)
        self._show()
        try:
            name = self._created.token.name
            return await self._services.changes.run(f"{doing}: the API token {name}", both())
        finally:
            self._storing.remove(doing)
            if self.is_running:
                self._show()

    def _keep(self, words: str, *, lasting: bool) -> None:
        """Say what was done with the token; a clipboard is not `lasting`."""
        self._lasting = self._lasting or lasting
        self._done.append(clean(words))
        self._show()

    def _close_question(self, what: str) -> None:
        """Take the question for `what` away, unless another one is asked by now."""
        if self._asking != what:
            return
        self._asking = ""
        self.query_one("#reveal-ask").display = False
        self.query_one("#reveal-error").display = False
        self.query_one("#reveal-done").focus()

    def show_failure(self, error: BaseException, worker: Worker[object]) -> bool:
        """Say it in the dialog: the token is still here."""
        if not isinstance(error, LoopinError):
            return False
        line = self.query_one("#reveal-error", Static)
        line.update(reason(error, sign_in_key(self)))
        line.display = True
        return True

    # ── leaving ──

    def action_leave(self) -> None:
        """Leave; ask first while nothing keeps the token."""
        if self._asking and not self._storing:
            self._close_question(self._asking)
        elif self._storing:
            words = f"{self._storing[0]}: its end is waited for, for the token cannot be shown again"
            self.notify(words, severity="warning", timeout=4, markup=False)
        elif self._lasting:
            self.dismiss(True)
        else:
            self._ask_to_leave()

    def holds_on(self) -> bool:
        """Ask before the app ends, too."""
        if not self._lasting:
            self._ask_to_leave(quits=True)
        return not self._lasting

    def last_words(self) -> str:
        """How to be rid of a token that nobody has."""
        token = self._created.token
        if self._lasting or not self._lives_on:
            return ""
        return (
            f"{clean(token.name, 80)} was created and not saved. To revoke it:\n"
            f"loopin chainloop organization api-token revoke --id {clean(token.id, 80)}"
        )

    @change("leave", quiet=True)
    async def _ask_to_leave(self, *, quits: bool = False) -> None:
        text = (
            "It was handed to the clipboard. Paste it where it belongs first: it cannot be shown again."
            if self._done
            else "Nobody will be able to see this token again. All that is left then is to revoke it."
        )
        verb = "Quit" if quits else "Leave"
        question = (
            f"{verb} with the token only on the clipboard?" if self._done else f"{verb} without saving?"
        )
        if not await self.app.push_screen_wait(Confirm(question, text, yes=verb, no="Stay")):
            return
        await self._settle(False)
        if quits:
            self.app.exit(0)
        else:
            self.dismiss(False)


async def empty_later(app: App[object], copying: ClipboardService, secret: Secret, clock: Clock) -> None:
    """Take the token off the clipboard after a while, unless something else was copied since."""
    await clock.sleep(SECONDS)
    if await copying.clear_text(secret.reveal()):
        app.notify("the token was taken off the clipboard", markup=False)
