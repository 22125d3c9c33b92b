"""Names of API tokens, organizations and projects: DNS-1123 labels (RFC 1123 §2.1)."""

import re

from app.domain.errors import UsageError

MAX_LENGTH = 63
_LABEL = re.compile(r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?", re.ASCII)


def problem(name: str) -> str:
    """Say in one clause why `name` is not a DNS-1123 label; empty when it is one."""
    if not name:
        return "a name is needed"
    if len(name) > MAX_LENGTH:
        return f"{len(name)} characters, {MAX_LENGTH} are allowed"
    if _LABEL.fullmatch(name):
        return ""
    if name != name.lower():
        return "capital letters are not allowed"
    if name.startswith("-") or name.endswith("-"):
        return "a hyphen cannot come first or last"
    return "only a-z, 0-9 and hyphens are allowed"


def check(name: str) -> str:
    """Return `name`, or raise UsageError saying what is wrong with it."""
    if why := problem(name):
        raise UsageError(
            f"{name[:80]!r} cannot be a name: {why}", hint="use a-z, 0-9 and hyphens, for example ci-release"
        )
    return name
