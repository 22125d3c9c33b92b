"""Names of tokens that replace one another."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.domain import permissions
from app.domain.names import MAX_LENGTH
from app.domain.tokens import APIToken, TokenDraft

_SUFFIX = re.compile(r"-\d{4}-(?:0[1-9]|1[0-2])(?:-\d{1,4})?$", re.ASCII)


def next_name(name: str, taken: Collection[str], now: datetime) -> str:
    """Return `name` without an earlier rotation's suffix, with the month of `now`.

    "ci-web" and "ci-web-2025-12" become "ci-web-2026-03", and "ci-web-2026-03-2" when that is taken. The
    result is at most 63 characters.
    """
    stem = _SUFFIX.sub("", name)
    month = f"-{now:%Y-%m}"
    number = 1
    while True:
        tail = month if number == 1 else f"{month}-{number}"
        candidate = _joined(stem, tail)
        if candidate not in taken:
            return candidate
        number += 1


def resembles_rotation(old: APIToken, new: APIToken) -> bool:
    """True when `new` has the scope of `old`, is younger, and is called as a rotation of `old` calls it.

    The same name counts, too: it is free once `old` is revoked.
    """
    if new.scope != old.scope or new.created_at < old.created_at:
        return False
    if (suffix := _SUFFIX.search(new.name)) is None:
        return new.name == old.name
    stem, tail = _SUFFIX.sub("", old.name), suffix.group()
    return new.name in {old.name, _joined(stem, tail)}


def _joined(stem: str, tail: str) -> str:
    return f"{stem[: MAX_LENGTH - len(tail)].rstrip('-')}{tail}"


@dataclass(frozen=True, slots=True)
class NewLife:
    """How long a new token lives; `span` None means that it never expires."""

    span: timedelta | None


def successor(
    token: APIToken, taken: Collection[str], now: datetime, new_life: NewLife | None = None
) -> TokenDraft:
    """Return a draft with the scope, description, permissions and, by default, the life of `token`."""
    in_project = token.project is not None
    # The default set is not asked for by name: a control plane without permissions gives it anyway.
    is_default = token.permissions == permissions.default(in_project)
    if new_life is not None:
        span = new_life.span
    else:
        span = token.expires_at - token.created_at if token.expires_at else None
    return TokenDraft(
        next_name(token.name, taken, now),
        token.description,
        span,
        token.project.name if token.project else "",
        () if is_default else token.permissions,
    )
