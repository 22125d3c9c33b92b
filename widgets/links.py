"""One line of words of which some can be clicked."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from textual import events
from textual.content import Content
from textual.message import Message
from textual.widget import Widget


@dataclass(frozen=True, slots=True)
class Piece:
    """Some words: `style` is a Textual style ("bold $primary"), `action` what a click asks for."""

    text: str
    style: str = ""
    action: str = ""

    @property
    def width(self) -> int:
        """Terminal cells."""
        return cell_len(self.text)


def width_of(pieces: Sequence[Piece]) -> int:
    """Terminal cells of all pieces."""
    return sum(piece.width for piece in pieces)


class ActionLine(Widget):
    """Lays `left()` and `right()` out on one line; a subclass says what they are at a given width."""

    DEFAULT_CSS = """
    ActionLine { height: 1; }
    """

    class Chosen(Message):
        """A piece with an action was clicked."""

        def __init__(self, action: str) -> None:
            super().__init__()
            self.action = action

    ALLOW_SELECT = False

    def pieces(self, width: int) -> tuple[Sequence[Piece], Sequence[Piece]]:
        """What stands on the left and on the right in `width` cells."""
        raise NotImplementedError

    def _laid_out(self) -> list[Piece]:
        width = self.size.width
        left, right = self.pieces(width)
        gap = max(0, width - width_of(left) - width_of(right))
        return [*left, Piece(" " * gap), *right]

    def render(self) -> Content:
        return Content.assemble(*((piece.text, piece.style) for piece in self._laid_out()))

    def on_click(self, event: events.Click) -> None:
        x = 0
        for piece in self._laid_out():
            if x <= event.x < x + piece.width and piece.action:
                event.stop()
                self.post_message(self.Chosen(piece.action))
                return
            x += piece.width
