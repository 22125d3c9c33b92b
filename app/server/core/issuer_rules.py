"""Which jobs of a trusted issuer are meant: claims and the patterns that they must fit."""

import re
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any

from app.domain.errors import UsageError

MAX_RULES, MAX_PATTERN = 20, 500
_NAME = re.compile(r"[A-Za-z0-9_.:/-]{1,100}")


def parse(conditions: Iterable[str]) -> dict[str, str]:
    """Read `name=pattern` conditions; in a pattern `*` stands for any text, also an empty one.

    Raise UsageError for none at all: without a condition every project of the CI system would be trusted.
    """
    rules: dict[str, str] = {}
    for condition in conditions:
        name, found, pattern = condition.partition("=")
        if not found or not _NAME.fullmatch(name) or not 0 < len(pattern) <= MAX_PATTERN:
            raise UsageError(f"{condition[:80]!r} is no condition", hint="write it like project_path=acme/*")
        if name in rules:
            raise UsageError(f"there are two conditions for {name}", hint="add the issuer once for each")
        rules[name] = pattern
    if not 0 < len(rules) <= MAX_RULES:
        raise UsageError(
            "every project of that CI system would be trusted"
            if not rules
            else f"over {MAX_RULES} conditions",
            hint="name yours, for example --claim project_path=acme/*",
        )
    return rules


def mismatch(rules: Mapping[str, str], claims: Mapping[str, Any]) -> str:
    """Return the name of the first claim that does not fit; empty when all do. Case counts."""
    return next((name for name, pattern in rules.items() if not _fits(pattern, claims.get(name))), "")


def _fits(pattern: str, value: object) -> bool:
    # fnmatch matches many stars without backtracking for ever; its other wildcards are made literal.
    return isinstance(value, str) and fnmatchcase(value, re.sub(r"([?\[])", r"[\1]", pattern))
