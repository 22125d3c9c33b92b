"""The question before a threshold is saved."""

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import Button, Input, Static

from app.domain.inactivity import Fate
from app.services.threshold import ThresholdReview
from app.tui.screens.dialogs.dialog import Dialog
from widgets.presenter import clean
from widgets.threshold_preview import change_text, days, partition_text


class ConfirmThreshold(Dialog[bool]):
    """When tokens would be revoked, their number must be typed; else a button is enough.

    `why` says why it is asked anew.
    """

    CSS_PATH = "save_dialog.tcss"
    AUTO_FOCUS = "#cancel"

    def __init__(self, review: ThresholdReview, why: str = "") -> None:
        super().__init__()
        self._review, self._partition, self._why = review, review.partition, why
        self._falling = self._partition.next_sweep
        self._save = Button(
            "Save", id="yes", variant="error" if self._falling else "primary", disabled=bool(self._falling)
        )

    def heading(self) -> str:
        """What is asked."""
        threshold = self._partition.threshold
        where = clean(self._review.identity.organization, 60)
        if not threshold:
            return f"Turn auto-revocation off in {where}?"
        return f"Revoke what is unused for {days(threshold)} in {where}?"

    def compose_dialog(self) -> ComposeResult:
        if self._why:
            yield Static(f"Nothing was sent: {self._why}.", id="threshold-anew", markup=False)
        yield Static(change_text(self._review.before, self._partition.threshold), markup=False)
        yield Static(partition_text(self._partition, narrow=True), id="threshold-fates", markup=False)
        if self._falling:
            yield Static(self._warning(), id="threshold-warning", markup=False)
            yield Input(id="threshold-input", type="integer", compact=True)
        with Horizontal(classes="dialog-buttons"):
            yield Button("Cancel", id="cancel")
            yield self._save

    def _warning(self) -> Content:
        those = "1 token is" if self._falling == 1 else f"{self._falling:,} tokens are"
        soon = self._partition.counts[Fate.WITHIN_HOUR]
        some = "" if not soon else " Those due in 1 h stay when they are used before."
        return Content.assemble(
            (f"{those} revoked within the hour, without notice and for good.{some}", "bold $text-error"),
            ("\n\nType ", "$text-muted"),
            (str(self._falling), "bold $text"),
            (" to go on", "$text-muted"),
        )

    @on(Input.Changed)
    def _compare(self, event: Input.Changed) -> None:
        self._save.disabled = event.value.strip() != str(self._falling)

    @on(Input.Submitted)
    def _submitted(self) -> None:
        if not self._save.disabled:
            self._save.focus()

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        self.dismiss(event.button.id == "yes" or None)
