"""How a key is written for a person."""

import unicodedata

from textual.keys import key_to_character

_SPECIAL = {
    "escape": "esc",
    "pageup": "PgUp",
    "pagedown": "PgDn",
    "up": "↑",
    "down": "↓",
    "left": "←",
    "right": "→",
    "f1": "F1",
    # Textual's own names, which are not those of Unicode.
    "slash": "/",
    "backslash": "\\",
    "at": "@",
    "minus": "-",
    "plus": "+",
    "underscore": "_",
}


def readable(key: str) -> str:
    """Return Textual's key name as a person writes it: "question_mark" becomes "?"."""
    modifiers, _, last = key.strip().rpartition("+")
    character = key_to_character(last) or ""
    word = _SPECIAL.get(last) or (character if character.isprintable() and character.strip() else last)
    return f"{modifiers}+{word}" if modifiers else word


def readable_all(keys: str) -> str:
    """Return a comma-separated list of keys, readable, with spaces between them."""
    return " ".join(readable(key) for key in keys.split(","))


def key_name(written: str) -> str:
    """The opposite: "?" becomes "question_mark"; a name stays as it is."""
    if len(written) != 1 or written.isalnum():
        return written
    if special := next((name for name, word in _SPECIAL.items() if word == written), ""):
        return special
    return unicodedata.name(written, written).lower().replace("-", "_").replace(" ", "_")
