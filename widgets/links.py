"""One line of text of which some parts can be clicked."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from textual import events
from textual.content import Content
from textual.message import Message
from textual.widget import Widget


@dataclass(frozen=True, slots=True)
class TextPart:
    """Some text: `style` is a Textual style ("bold $primary"), `action` the Textual action of a click."""

    text: str
    style: str = ""
    action: str = ""

    @property
    def width(self) -> int:
        """Terminal cells."""
        return cell_len(self.text)


def width_of(parts: Sequence[TextPart]) -> int:
    """Terminal cells of all parts."""
    return sum(part.width for part in parts)


class ActionLine(Widget):
    """One line with parts on the left and on the right; a subclass provides them in `parts`."""

    DEFAULT_CSS = """
    ActionLine { height: 1; }
    """

    class Chosen(Message):
        """A part with an action was clicked."""

        def __init__(self, action: str) -> None:
            super().__init__()
            self.action = action

    ALLOW_SELECT = False

    def parts(self, width: int) -> tuple[Sequence[TextPart], Sequence[TextPart]]:
        """The parts on the left and on the right in `width` cells."""
        raise NotImplementedError

    def _laid_out(self) -> list[TextPart]:
        width = self.size.width
        left, right = self.parts(width)
        gap = max(0, width - width_of(left) - width_of(right))
        return [*left, TextPart(" " * gap), *right]

    def render(self) -> Content:
        return Content.assemble(*((part.text, part.style) for part in self._laid_out()))

    def on_click(self, event: events.Click) -> None:
        x = 0
        for part in self._laid_out():
            if x <= event.x < x + part.width and part.action:
                event.stop()
                self.post_message(self.Chosen(part.action))
                return
            x += part.width
