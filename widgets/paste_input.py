"""An input for what is copied whole: a token, a key, an address."""

from textual import events
from textual.widgets import Input

from app.domain.inputs import joined


class PasteInput(Input):
    """Takes a paste of several lines as one: a terminal or a mail program has wrapped it."""

    def on_paste(self, event: events.Paste) -> None:
        """Textual's own input keeps the first line."""
        event.prevent_default()
        event.stop()
        self.replace(joined(event.text), *sorted(self.selection))
