"""Text in columns: what does not fit goes on under its own column."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from textual.content import Content
from textual.geometry import Size
from textual.reactive import reactive
from textual.widget import Widget

Part = tuple[str, str] | str


class Lines(Widget):
    """A widget that knows its lines at a given width, and is as high as they are many."""

    DEFAULT_CSS = """
    Lines { height: auto; }
    """

    def lines(self, width: int) -> Sequence[Content]:
        """The lines at `width` cells, none of them longer."""
        raise NotImplementedError

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return max(1, len(self.lines(width)))

    def render(self) -> Content:
        return Content("\n").join(self.lines(self.content_size.width or 80))


def wrap(text: str, width: int) -> list[str]:
    """`text` in lines of at most `width` terminal cells, at least 2; a wide character takes two of them."""
    if all(cell_len(character) == 1 for character in text):
        return textwrap.wrap(text, width)
    return [line.plain.strip() for line in Content(" ".join(text.split())).wrap(width)]


def pad(text: str, width: int) -> str:
    """`text` with blanks up to `width` terminal cells."""
    return text + " " * (width - cell_len(text))


def hang(head: Sequence[Part], text: str, width: int, style: str = "") -> list[Content]:
    """`text` wrapped to the right of `head`; under 20 cells of room it goes under it instead."""
    first = Content.assemble(*head)
    indent, lines = first.cell_length, [first]
    if width - indent < 20 and text:
        indent = 4
    else:
        lines = []
    for number, line in enumerate(wrap(text, max(10, width - indent)) or [""]):
        before: Sequence[Part] = head if not lines and number == 0 else (" " * indent,)
        lines.append(Content.assemble(*before, (line, style)))
    return lines


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A label, and a text that stays to the right of it."""

    head: tuple[Part, ...]
    text: str = ""
    style: str = ""


class Paragraphs(Lines):
    """Some of them under each other."""

    paragraphs: reactive[tuple[Paragraph, ...]] = reactive((), layout=True)
    """What is shown."""

    def lines(self, width: int) -> Sequence[Content]:
        return [line for one in self.paragraphs for line in hang(one.head, one.text, width, one.style)]
