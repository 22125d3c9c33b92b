"""The one place where text from outside becomes safe to show.

Whatever a server, a keychain, a JWT or the environment says is data: it must not move the cursor,
colour the screen, make a link or turn the reading direction around.
"""

import unicodedata

_JOINERS = "\N{ZERO WIDTH NON-JOINER}\N{ZERO WIDTH JOINER}"
_JOINED_BEFORE = frozenset({"Lo", "Lm", "Mn", "Mc", "So", "Sk"})
_JOINED_AFTER = frozenset({"Lo", "Lm", "So"})
_VIRAMA = 9
"""The combining class of the sign that takes a vowel away; a joiner behind it may end a word."""
_UNSAFE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


def clean(text: str, limit: int = 500) -> str:
    """Return `text` on one line, without control, format or bidirectional characters.

    ZWJ and ZWNJ stay where a script or an emoji needs them: between letters without case, after a virama
    and between emoji (after UAX #31, section 2.3). Elsewhere they would only make two names look alike.

    Line breaks and tabs become a space, every other unsafe character a replacement character, and
    anything past `limit` characters is cut with an ellipsis.
    """
    if text.isascii() and text.isprintable() and len(text) <= limit:
        return text
    cut = text[: limit + 1]
    whole = "".join(
        char if char in _JOINERS and _joins(cut, at) else _safe(char) for at, char in enumerate(cut)
    )
    return whole if len(cut) <= limit else whole[: limit - 1].rstrip(_JOINERS) + "…"


def _joins(text: str, at: int) -> bool:
    before, after = text[at - 1 : at], text[at + 1 : at + 2]
    if not before or unicodedata.category(before) not in _JOINED_BEFORE:
        return False
    if unicodedata.combining(before) == _VIRAMA:
        return True
    return bool(after) and unicodedata.category(after) in _JOINED_AFTER


def _safe(char: str) -> str:
    if char in "\t\n\r\v\f\u2028\u2029":
        return " "
    return REPLACEMENT if unicodedata.category(char) in _UNSAFE else char


def capital(text: str) -> str:
    """`text` with a capital first letter, unless it begins with a name (an address, a path)."""
    first = text.split(" ", 1)[0]
    return text[:1].upper() + text[1:] if first.isalpha() and first.islower() else text


def plural(count: int, noun: str) -> str:
    """`1 token`, `2 tokens`."""
    return f"{count} {noun}{'' if count == 1 else 's'}"
