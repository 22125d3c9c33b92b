"""For a token that seems to serve a CI job: the job that needs none."""

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.widgets import Button, Static

from app.domain.ci import CISystem
from app.domain.keyless import job_snippet, likely_system
from app.domain.tokens import APIToken
from app.services.clipboard import ClipboardService
from app.tui.screens.dialogs.dialog import Dialog
from app.tui.screens.workers import change
from widgets.choice_bar import ChoiceBar
from widgets.presenter import clean

_SYSTEMS = (CISystem.GITLAB, CISystem.GITHUB)
_WORDS = ("GitLab", "GitHub Actions")


class CIJobDialog(Dialog[bool]):
    """A snippet for the CI file, to be copied."""

    CSS_PATH = "ci_job_dialog.tcss"
    AUTO_FOCUS = "#keyless-copy"

    def __init__(self, token: APIToken, copy: ClipboardService) -> None:
        super().__init__()
        self._token, self._copy = token, copy
        self._system = likely_system(token) or CISystem.GITLAB
        self._snippet = Static("", id="keyless-snippet", markup=False)
        self._copied = Static("", id="keyless-told", classes="muted", markup=False)

    def heading(self) -> str:
        """Which token could go."""
        return f"Without {clean(self._token.name, 60)}"

    def compose_dialog(self) -> ComposeResult:
        yield Static(
            "A job can sign in with the identity that its CI system gives it: no secret to store, rotate or "
            "leak. Such a session is short and may attest; it may not manage tokens.",
            id="keyless-why",
            markup=False,
        )
        yield ChoiceBar(_WORDS, _SYSTEMS.index(self._system), id="keyless-system")
        with VerticalScroll(classes="dialog-body", can_focus=False):
            yield self._snippet
        yield self._copied
        with Horizontal(classes="dialog-buttons"):
            yield Button("Close", id="cancel")
            yield Button("Copy", id="keyless-copy", variant="primary")

    def on_mount(self) -> None:
        self._show()

    @property
    def snippet(self) -> str:
        """What is shown and copied."""
        project = self._token.project.name if self._token.project else ""
        return job_snippet(self._system, self._token.organization_name, project)

    def _show(self) -> None:
        lines = (clean(line) for line in self.snippet.splitlines())
        self._snippet.update(Content("\n".join(lines)))

    @on(ChoiceBar.Changed)
    def _change_system(self, event: ChoiceBar.Changed) -> None:
        self._system = _SYSTEMS[event.index]
        self._show()

    @on(Button.Pressed, "#cancel")
    def _close(self) -> None:
        self.dismiss(None)

    @on(Button.Pressed, "#keyless-copy")
    def _copy_pressed(self) -> None:
        self._copy_snippet()

    @change("copy the job")
    async def _copy_snippet(self) -> None:
        self._copied.update(Content(clean(await self._copy.copy_text(self.snippet))))
