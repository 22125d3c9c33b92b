"""A few choices on one line, of which one is chosen."""

from collections.abc import Sequence
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

from widgets.links import TextPart, width_of


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
    """Index of the one that is chosen; None when none is."""
    barred: reactive[frozenset[int]] = reactive(frozenset[int]())
    """Indexes that cannot be chosen: they stay visible."""

    class Changed(Message):
        """Another choice was made."""

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

    def _lines(self) -> list[list[TextPart]]:
        """The words in as many lines as they need; a part's action is its index."""
        lines: list[list[TextPart]] = [[TextPart("◂ ", self._arrow())]]
        for index, word in enumerate(self.choices):
            part = TextPart(
                f"[{word}]" if index == self.chosen else f" {word} ", self._style(index), str(index)
            )
            if width_of([*lines[-1], part]) + 3 > max(self.size.width, 20):
                lines.append([TextPart("  ")])
            lines[-1].append(part)
        lines[-1].append(TextPart(" ▸", self._arrow()))
        return lines

    def _arrow(self) -> str:
        return "bold $primary" if self.has_focus else "$text-disabled"

    def _style(self, index: int) -> str:
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
        for part in lines[event.y]:
            if x <= event.x < x + part.width and part.action:
                self._choose(int(part.action))
            x += part.width

    def action_step(self, by: int) -> None:
        """Choose the next one that can be chosen, in the given direction."""
        index = (-1 if by > 0 else len(self.choices)) if self.chosen is None else self.chosen
        index += by
        while 0 <= index < len(self.choices) and index in self.barred:
            index += by
        self._choose(index)

    def _choose(self, index: int) -> None:
        if not 0 <= index < len(self.choices) or index in self.barred or index == self.chosen:
            return
        self.chosen = index
        self.post_message(self.Changed(self, index))
