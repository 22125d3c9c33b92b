"""The CI identity of the job around us: who it says we are, and what it may do."""

from collections.abc import Awaitable
from datetime import datetime
from typing import Protocol

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Horizontal, VerticalScroll
from textual.message import Message
from textual.widgets import Button

from app.domain.errors import LoopinError
from app.domain.keyless import MAY, MAY_NOT, NOT_STORED, CIIdentity
from app.services.login.chainloop_keyless import Inspection
from app.tui.screens.dialogs.dialog import Dialog
from widgets.content_state import StateView
from widgets.presenter import clean
from widgets.top_bar import life
from widgets.wrapped_text import Paragraph, Paragraphs

_WIDE = 11


class Inspect(Protocol):
    """Verifies the job's token and tells what it says; what fails is told inside."""

    def inspect_identity(self) -> Awaitable[Inspection]: ...


class KeylessDialog(Dialog[None]):
    """Nothing has to be done with it: where it can be had, it is used when nothing else is set."""

    TITLE = "Keyless CI identity"
    CSS_PATH = "ci_identity.tcss"
    AUTO_FOCUS = "#close"

    class Inspected(Message):
        """The token was verified, or was not."""

        def __init__(self, found: Inspection) -> None:
            super().__init__()
            self.found = found

    def __init__(self, inspect: Inspect, now: datetime) -> None:
        super().__init__()
        self._inspect = inspect
        self._now = now

    def compose_dialog(self) -> ComposeResult:
        with StateView(), VerticalScroll(can_focus=False):
            yield Paragraphs()
        with Horizontal(classes="dialog-buttons"):
            yield Button("Close", id="close")

    def on_mount(self) -> None:
        self.query_one(StateView).show_loading("verifying the job's token with its issuer …")
        self._look()

    @work(exclusive=True, group="inspect", description="verify the job's token", exit_on_error=False)
    async def _look(self) -> None:
        self.post_message(self.Inspected(await self._inspect.inspect_identity()))

    @on(Inspected)
    def _show(self, event: Inspected) -> None:
        view, identity = self.query_one(StateView), event.found.identity
        if identity is None:
            view.show_error(event.found.error or LoopinError("there is no CI identity here"))
            return
        self.query_one(Paragraphs).paragraphs = _paragraphs(identity, self._now)
        view.show_filled()

    @on(StateView.Chosen)
    def _again(self) -> None:
        self.on_mount()

    @on(Button.Pressed, "#close")
    def _close(self) -> None:
        self.dismiss(None)


def _paragraphs(identity: CIIdentity, now: datetime) -> tuple[Paragraph, ...]:
    facts = (
        ("system", identity.system.title),
        ("project", identity.project),
        ("ref", identity.ref),
        ("workflow", identity.workflow),
        ("runner", identity.runner),
        ("issuer", identity.issuer),
        ("time left", life(identity.left(now))),
        ("stored", NOT_STORED),
    )
    lines = [*((name, clean(value, 200)) for name, value in facts if value)]
    lines += [*_listed("may", "✓", MAY), *_listed("may not", "✗", MAY_NOT)]
    lines.append(("in use", "by itself, when no other credential is set"))
    return tuple(Paragraph(((head.ljust(_WIDE), "$text-muted"),), text) for head, text in lines)


def _listed(head: str, glyph: str, texts: tuple[str, ...]) -> list[tuple[str, str]]:
    return [(head if index == 0 else "", f"{glyph} {text}") for index, text in enumerate(texts)]
