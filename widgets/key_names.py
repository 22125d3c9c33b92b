"""How a key is written for a person."""

_WORDS = {
    "question_mark": "?",
    "slash": "/",
    "colon": ":",
    "asterisk": "*",
    "escape": "esc",
    "plus": "+",
    "minus": "-",
    "comma": ",",
    "full_stop": ".",
    "less_than_sign": "<",
    "greater_than_sign": ">",
    "pageup": "PgUp",
    "pagedown": "PgDn",
    "up": "↑",
    "down": "↓",
    "left": "←",
    "right": "→",
    "f1": "F1",
    "semicolon": ";",
    "equals_sign": "=",
    "exclamation_mark": "!",
    "at": "@",
    "number_sign": "#",
    "dollar_sign": "$",
    "percent_sign": "%",
    "ampersand": "&",
    "left_parenthesis": "(",
    "right_parenthesis": ")",
    "left_square_bracket": "[",
    "right_square_bracket": "]",
    "underscore": "_",
    "tilde": "~",
    "quotation_mark": '"',
    "apostrophe": "'",
    "backslash": "\\",
    "vertical_line": "|",
}


def readable(key: str) -> str:
    """Return Textual's key name as a person writes it: "question_mark" becomes "?"."""
    modifiers, _, last = key.strip().rpartition("+")
    word = _WORDS.get(last, last)
    return f"{modifiers}+{word}" if modifiers else word


def readable_all(keys: str) -> str:
    """Return a comma-separated list of keys, readable, with spaces between them."""
    return " ".join(readable(key) for key in keys.split(","))


def key_name(written: str) -> str:
    """The opposite: "?" becomes "question_mark"; a name stays as it is."""
    if len(written) != 1 or written.isalnum():
        return written
    return next((name for name, word in _WORDS.items() if word == written), written)
