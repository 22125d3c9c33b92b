"""The dialog that shows a new token once."""

from collections.abc import Awaitable, Callable
from typing import ClassVar

from textual import on
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Button, Input, Static

from app.domain.names import MAX_LENGTH, problem
from app.domain.ports import Clock
from app.domain.secret import Secret
from app.domain.tokens import CreatedToken
from app.services.clipboard import ClipboardService
from app.tui.commands.bindings import bindings_for
from app.tui.commands.registry import CommandGroup
from app.tui.screens.dialogs.dialog import Confirm, Dialog
from app.tui.screens.tokens.services import TokenServices
from app.tui.screens.workers import change, read
from widgets.button_label import relabel
from widgets.presenter import clean

_MASK = "•" * 32
SECONDS = 60
"""Time until the token is hidden again, and removed from a clipboard that can be cleared."""


class RevealDialog(Dialog[bool]):
    """Shows and stores a new token, and lists where it was stored; leaving before it is stored asks."""

    CSS_PATH = "reveal.tcss"
    AUTO_FOCUS = "#reveal-show"
    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings_for(CommandGroup.REVEAL),
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
        """`settle` is called when the token is stored (True) or left unsaved (False).

        Not `lives_on`: the server ends with the app, and the token with it.
        """
        super().__init__()
        self._created, self._services, self._clock, self._settle = created, services, clock, settle
        self._lives_on = lives_on
        self._shown = False
        self._asking = ""
        self._results: list[str] = []
        self._lasting = False
        self._storing: list[str] = []
        self._secret_text = Static("", id="reveal-secret", markup=False)
        self._state = Static("", id="reveal-state", markup=False)
        self._question = Static("", id="reveal-question", markup=False)
        self._question_box = Vertical(id="reveal-ask")
        self._input = Input(id="reveal-input", compact=True)
        self._show_button = Button("s Show", id="reveal-show")
        self._done_button = Button("Done", id="reveal-done", variant="primary")
        self.error_line.id = "reveal-error"

    def heading(self) -> str:
        """Which token."""
        return f"{clean(self._created.token.name, 80)} was created"

    def compose_dialog(self) -> ComposeResult:
        yield Static("This is the only time that the token can be seen.", markup=False)
        yield self._secret_text
        yield self._state
        with self._question_box:
            yield self._question
            yield self._input
        yield self.error_line
        with Horizontal(classes="dialog-buttons", id="reveal-ways"):
            yield self._show_button
            yield Button("y Copy", id="reveal-copy")
            yield Button("k To keychain", id="reveal-profile")
            yield Button("f To file", id="reveal-file")
            yield self._done_button

    def on_mount(self) -> None:
        self.watch(self.app, "app_focus", self._focus_moved, init=False)
        self._show()

    def _show(self) -> None:
        secret = self._created.secret
        text = secret.reveal() if self._shown else f"{_MASK} {secret.hint}"
        self._secret_text.update(Content(text))
        relabel(self._show_button, "s Hide" if self._shown else "s Show")
        self._state.set_class(self._lasting, "-safe")
        lines = [f"✓ {words}" for words in self._results]
        lines += [f"◌ {storing} …" for storing in self._storing]
        lines = lines or ["! NOT SAVED YET"]
        self._state.update(Content("\n".join(lines)))

    # ── storing ──

    @on(Button.Pressed)
    async def _pressed(self, event: Button.Pressed) -> None:
        event.stop()
        verb = (event.button.id or "").removeprefix("reveal-")
        await self.run_action({"show": "reveal", "done": "leave"}.get(verb, verb))

    def action_reveal(self) -> None:
        """Show or hide the token. It is hidden after SECONDS and when the terminal loses the focus."""
        self._shown = not self._shown
        self._show()
        if self._shown:
            self._hide_later()
        else:
            self.workers.cancel_group(self, "hide")

    @read("hide the token", group="hide")
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
        """Copy the token."""
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

    @read("find a name for the file", group="offer")
    async def _offer_file(self) -> None:
        offered = await self._services.token_storage.suggest_path(self._plain_name() or "new")
        if self._asking == "file" and not self._input.value:
            self._input.value = offered
            self._input.action_select_all()

    def _ask(self, what: str, question: str, suggestion: str) -> None:
        self._asking = what
        self._question_box.display = True
        self._question.update(Content(question))
        self._input.value = suggestion
        self._input.focus()

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
        self._add_result(words, lasting=False)

    @change("save the token to the keychain")
    async def _save_profile(self, profile: str) -> None:
        label = await self._store(
            "saving to the keychain", self._services.token_storage.save_to_keychain, profile
        )
        self._add_result(f"saved to {label} as profile {profile.strip()}", lasting=True)
        self._close_question("profile")

    @change("write the token to a file")
    async def _write_file(self, path: str) -> None:
        written = await self._store("writing to a file", self._services.token_storage.write_file, path)
        self._add_result(f"written to {written} (0600)", lasting=True)
        self._close_question("file")

    async def _store(self, doing: str, store: Callable[[Secret, str], Awaitable[str]], where: str) -> str:
        """Store the token and settle it, whatever becomes of this dialog."""

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

    def _add_result(self, words: str, *, lasting: bool) -> None:
        """Show what was done with the token; a clipboard is not `lasting`."""
        self._lasting = self._lasting or lasting
        self._results.append(clean(words))
        self._show()

    def _close_question(self, what: str) -> None:
        """Close the question for `what`, unless another one is open by now."""
        if self._asking != what:
            return
        self._asking = ""
        self._question_box.display = False
        self.error_line.display = False
        self._done_button.focus()

    # ── leaving ──

    def action_leave(self) -> None:
        """Leave; ask first while the token is not stored."""
        if self._asking and not self._storing:
            self._close_question(self._asking)
        elif self._storing:
            words = f"{self._storing[0]}: its end is waited for, for the token cannot be shown again"
            self.notify(words, severity="warning", timeout=4, markup=False)
        elif self._lasting:
            self.dismiss(True)
        else:
            self._ask_to_leave()

    def confirm_quit(self) -> bool:
        """Ask before the app quits while the token is not stored."""
        if not self._lasting:
            self._ask_to_leave(quits=True)
        return not self._lasting

    def final_message(self) -> str:
        """How to revoke a token that was not stored."""
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
            if self._results
            else "Nobody will be able to see this token again. All that is left then is to revoke it."
        )
        verb = "Quit" if quits else "Leave"
        question = (
            f"{verb} with the token only on the clipboard?" if self._results else f"{verb} without saving?"
        )
        if not await self.app.push_screen_wait(Confirm(question, text, yes=verb, no="Stay")):
            return
        await self._settle(False)
        if quits:
            self.app.exit(0)
        else:
            self.dismiss(False)


async def empty_later(app: App[object], copying: ClipboardService, secret: Secret, clock: Clock) -> None:
    """Clear the clipboard after SECONDS, unless something else was copied since."""
    await clock.sleep(SECONDS)
    if await copying.clear_text(secret.reveal()):
        app.notify("the token was taken off the clipboard", markup=False)
