"""The CI identity of the job that Loopin runs in, and what it may do."""

from collections.abc import Awaitable
from datetime import datetime
from typing import Protocol

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, VerticalScroll
from textual.widgets import Button

from app.domain.errors import LoopinError
from app.domain.keyless import MAY, MAY_NOT, NOT_STORED, CIIdentity
from app.services.login.chainloop_keyless import Inspection
from app.tui.screens.dialogs.dialog import Dialog
from app.tui.screens.workers import read
from widgets.content_state import ContentState
from widgets.presenter import clean
from widgets.top_bar import life
from widgets.wrapped_text import Paragraph, Paragraphs

_WIDE = 11


class Inspect(Protocol):
    """Verifies the job's token and returns what it says; errors are returned, not raised."""

    def inspect_identity(self) -> Awaitable[Inspection]: ...


class CIIdentityDialog(Dialog[None]):
    """Shows the identity, which is used when no other credential is set."""

    TITLE = "Keyless CI identity"
    CSS_PATH = "ci_identity.tcss"
    AUTO_FOCUS = "#close"

    def __init__(self, inspect: Inspect, now: datetime) -> None:
        super().__init__()
        self._inspect = inspect
        self._now = now
        self._content = ContentState()
        self._facts = Paragraphs()

    def compose_dialog(self) -> ComposeResult:
        with self._content, VerticalScroll(can_focus=False):
            yield self._facts
        with Horizontal(classes="dialog-buttons"):
            yield Button("Close", id="close")

    def on_mount(self) -> None:
        self.action_refresh()

    def action_refresh(self) -> None:
        """Verify the token, once more after an error."""
        self._content.show_loading("verifying the job's token with its issuer …")
        self._verify()

    @read("verify the job's token", group="inspect")
    async def _verify(self) -> None:
        inspection = await self._inspect.inspect_identity()
        if inspection.identity is None:
            self._content.show_error(inspection.error or LoopinError("there is no CI identity here"))
            return
        self._facts.paragraphs = _paragraphs(inspection.identity, self._now)
        self._content.show_filled()

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
