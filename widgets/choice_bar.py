"""A few choices on one line, of which one is taken."""

from collections.abc import Sequence
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

from widgets.links import Piece, width_of


class ChoiceBar(Widget, can_focus=True):
    """`◂ 7 d  30 d [90 d] never ▸`: the arrow keys and the mouse choose."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left,h", "step(-1)", "Previous", show=False),
        Binding("right,l", "step(1)", "Next", show=False),
    ]

    DEFAULT_CSS = """
    ChoiceBar { height: auto; width: 1fr; color: $text; }
    """

    choices: reactive[tuple[str, ...]] = reactive((), layout=True)
    """The words."""
    chosen: reactive[int | None] = reactive[int | None](None)
    """Index of the one that is taken; None when none is."""
    barred: reactive[frozenset[int]] = reactive(frozenset[int]())
    """Indexes that cannot be taken: they stay visible."""

    class Changed(Message):
        """The person took another choice."""

        def __init__(self, bar: "ChoiceBar", index: int) -> None:
            super().__init__()
            self.bar = bar
            self.index = index

        @property
        def control(self) -> "ChoiceBar":
            """The bar that tells."""
            return self.bar

    def __init__(
        self,
        choices: Sequence[str],
        chosen: int | None = None,
        *,
        barred: frozenset[int] = frozenset(),
        id: str | None = None,
    ) -> None:
        super().__init__(id=id)
        self.set_reactive(ChoiceBar.choices, tuple(choices))
        self.set_reactive(ChoiceBar.chosen, chosen)
        self.set_reactive(ChoiceBar.barred, barred)

    def _lines(self) -> list[list[Piece]]:
        """The words in as many lines as they need; a piece's action is its index."""
        lines: list[list[Piece]] = [[Piece("◂ ", self._arrow())]]
        for index, word in enumerate(self.choices):
            piece = Piece(f"[{word}]" if index == self.chosen else f" {word} ", self._look(index), str(index))
            if width_of([*lines[-1], piece]) + 3 > max(self.size.width, 20):
                lines.append([Piece("  ")])
            lines[-1].append(piece)
        lines[-1].append(Piece(" ▸", self._arrow()))
        return lines

    def _arrow(self) -> str:
        return "bold $primary" if self.has_focus else "$text-disabled"

    def _look(self, index: int) -> str:
        if index in self.barred:
            return "$text-disabled strike"
        if index != self.chosen:
            return ""
        if self.has_focus:
            return "bold $block-cursor-foreground on $block-cursor-background"
        return "bold $primary"

    def get_content_height(self, container: object, viewport: object, width: int) -> int:
        return max(1, len(self._lines()))

    def render(self) -> Content:
        lines = (Content.assemble(*((p.text, p.style) for p in line)) for line in self._lines())
        return Content("\n").join(lines)

    def on_focus(self) -> None:
        self.refresh()

    def on_blur(self) -> None:
        self.refresh()

    def on_resize(self) -> None:
        self.refresh(layout=True)

    def on_click(self, event: events.Click) -> None:
        lines = self._lines()
        if event.y >= len(lines):
            return
        x = 0
        for piece in lines[event.y]:
            if x <= event.x < x + piece.width and piece.action:
                self._take(int(piece.action))
            x += piece.width

    def action_step(self, by: int) -> None:
        """Take the next choice that can be taken, in the given direction."""
        index = (-1 if by > 0 else len(self.choices)) if self.chosen is None else self.chosen
        index += by
        while 0 <= index < len(self.choices) and index in self.barred:
            index += by
        self._take(index)

    def _take(self, index: int) -> None:
        if not 0 <= index < len(self.choices) or index in self.barred or index == self.chosen:
            return
        self.chosen = index
        self.post_message(self.Changed(self, index))
