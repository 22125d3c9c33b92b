"""Which API tokens a token has created, and what those have created."""

from collections.abc import Collection, Sequence
from datetime import datetime

from app.domain.rotation import looks_rotated
from app.domain.tokens import APIToken, TokenState

Rotations = Collection[tuple[str, str]]
"""Ids of tokens and of their successors, as the journal has them."""


def descendants(
    chosen: Collection[str], tokens: Sequence[APIToken], rotations: Rotations, now: datetime
) -> tuple[APIToken, ...]:
    """Return the active tokens that those in `chosen` (ids) have created, and those again, in the order of
    `tokens`; none of `chosen` is among them.

    A token that rotated itself is the parent of its successor, which is to outlive it: the successor is left
    out, and so is what it created. It is known from `rotations`, and without them by its name. What a revoked
    or expired token created counts: `tokens` must have those, too.
    """
    known, found = {token.id: token for token in tokens}, set(chosen)
    children: dict[str, list[APIToken]] = {}
    for token in tokens:
        if token.parent_id:
            children.setdefault(token.parent_id, []).append(token)
    to_visit = list(chosen)
    while to_visit:
        parent = to_visit.pop()
        for child in children.get(parent, ()):
            if child.id not in found and not _succeeds(child, known.get(parent), rotations):
                found.add(child.id)
                to_visit.append(child.id)
    found -= set(chosen)
    return tuple(t for t in tokens if t.id in found and t.state(now) is TokenState.ACTIVE)


def _succeeds(child: APIToken, parent: APIToken | None, rotations: Rotations) -> bool:
    return (child.parent_id, child.id) in rotations or (parent is not None and looks_rotated(parent, child))
