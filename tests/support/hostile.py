"""Text that wants to do something to a terminal, and a look at what reached one."""

import random
import unicodedata
from collections.abc import Sequence

PAYLOADS: Sequence[str] = (
    "\x1b[2J\x1b[1;1H",  # clear the screen, go to the corner
    "\x1b[31;5m",  # blink in red
    "\x1b]0;title\x07",  # name the window
    "\x1b]8;;https://evil.example/\x1b\\click\x1b]8;;\x1b\\",  # a link (OSC 8)
    "\x1b]52;c;ZXZpbA==\x07",  # write the clipboard (OSC 52)
    "\x1bP+q544e\x1b\\",  # ask the terminal for something (DCS)
    "\x1b[6n",  # let the terminal type an answer
    "\x9b31m\x9d52;c;ZXZpbA==\x9c",  # the same in eight bits (C1)
    "\x0e\x0f\x7f\x00\x08\x08\x08",  # shift out, delete, null, backspaces
    "\r\nloopin: all is well\r",  # a line of its own, and over the old one
    "\t\v\f\u2028\u2029\x85",  # every other kind of line
    "[bold red]x[/]",  # Rich markup
    "[link=https://evil.example]x[/link]",
    "[@click=app.quit]x[/]",  # Textual markup
    "[/]",  # a closing tag alone makes a parser fail
    "\u202edrawkcab\u202c",  # right to left (bidi)
    "\u2066\u2067\u2068\u2069\u200e\u200f\u061c",  # isolates and marks
    "\u200b\u200c\u200d\u2060\ufeff",  # no width at all
    "\U000e0041\U000e0042",  # invisible tags
    "\ue000\U000f0000",  # private use
    "=HYPERLINK(1)",
)


def names(count: int, seed: int = 7) -> list[str]:
    """`count` different names, each with one payload at least; every tenth has 10,000 characters."""
    dice = random.Random(seed)
    made = []
    for number in range(count):
        parts = [PAYLOADS[number % len(PAYLOADS)], *dice.sample(PAYLOADS, dice.randrange(3))]
        name = f"n{number}" + "".join(f"{part}{dice.choice(('', 'a', 'ü', '漢'))}" for part in parts)
        made.append(name if number % 10 else name + "x" * (10_000 - len(name)))
    return made


def unsafe(text: str, allowed: str = "\n") -> list[str]:
    """The characters of `text` that can do something to a terminal, by their code."""
    kinds = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
    found = {char for char in text if char not in allowed and unicodedata.category(char) in kinds}
    return sorted(f"U+{ord(char):04X}" for char in found)
