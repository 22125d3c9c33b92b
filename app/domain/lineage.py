"""Which API tokens a token has created, and what those have created."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from app.domain.rotation import resembles_rotation
from app.domain.tokens import APIToken, TokenState

Rotations = Collection[tuple[str, str]]
"""Ids of tokens and of their successors, as the journal has them."""


@dataclass(frozen=True, slots=True)
class Descendants:
    """Active tokens that others have created, in the order of the list, and the `successors` among them.

    A token that rotated itself is the parent of its successor, which is to outlive it: the successor is no
    part of `tokens`, and neither is what it has created.
    """

    tokens: tuple[APIToken, ...] = ()
    successors: tuple[APIToken, ...] = ()


def descendants(
    chosen: Collection[str], tokens: Sequence[APIToken], rotations: Rotations, now: datetime
) -> Descendants:
    """Find the active tokens that those in `chosen` (ids) have created, and those again; none of `chosen`.

    A successor is known from `rotations`. Only for a token whose rotation they do not have, its name decides.
    What a revoked or expired token created counts: `tokens` must have those, too.
    """
    known, descendant_ids, successors = {token.id: token for token in tokens}, set(chosen), set[str]()
    rotated = {old for old, _ in rotations}
    children: dict[str, list[APIToken]] = {}
    for token in tokens:
        if token.parent_id:
            children.setdefault(token.parent_id, []).append(token)
    to_visit = list(chosen)
    while to_visit:
        parent = to_visit.pop()
        for child in children.get(parent, ()):
            if child.id in descendant_ids or child.id in successors:
                continue
            if _succeeds(child, known.get(parent), rotations, rotated):
                successors.add(child.id)
                continue
            descendant_ids.add(child.id)
            to_visit.append(child.id)
    active = [token for token in tokens if token.state(now) is TokenState.ACTIVE and token.id not in chosen]
    return Descendants(
        tuple(token for token in active if token.id in descendant_ids),
        tuple(token for token in active if token.id in successors),
    )


def _succeeds(
    child: APIToken, parent: APIToken | None, rotations: Rotations, rotated: Collection[str]
) -> bool:
    if child.parent_id in rotated:
        return (child.parent_id, child.id) in rotations
    return parent is not None and resembles_rotation(parent, child)
