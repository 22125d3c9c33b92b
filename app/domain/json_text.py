"""JSON from outside (RFC 8259): one reader, which refuses what is nested too deeply before it parses."""

import codecs
import json
import re
from typing import Any

MAX_DEPTH = 100
"""Objects and arrays within one another; nothing that either vendor sends has ten."""
_STRING = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_BRACKET = re.compile(r"[\[\]{}]")


def read_json(data: bytes | str) -> Any:
    """Return the value in `data`, which is UTF-8; raise ValueError for anything else.

    The standard library's parser recurses once a level and stops with RecursionError only when the stack of
    the thread is used up. A collector or a signal handler that runs at that moment fails as well, so the
    depth is measured first.
    """
    text = data if isinstance(data, str) else data.removeprefix(codecs.BOM_UTF8).decode()
    if text.count("[") + text.count("{") > MAX_DEPTH:
        _check_depth(text)
    return json.loads(text)


def _check_depth(text: str) -> None:
    depth = 0
    for bracket in _BRACKET.findall(_STRING.sub("", text)):
        depth += 1 if bracket in "[{" else -1
        if depth > MAX_DEPTH:
            raise ValueError(f"nested more than {MAX_DEPTH} levels deep")
