"""One row of a list of API tokens; the tabs and orders of the list, which `app.domain.token_index` makes."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from app.domain.inactivity import Deadline, auto_revoked_at, deadline
from app.domain.tokens import APIToken, TokenState


class Tab(Enum):
    """A part of the list. A token may be in several; ALL has every one."""

    ACTIVE = "Active"
    AT_RISK = "At risk"
    EXPIRING = "Expiring"
    EXPIRED = "Expired"
    REVOKED = "Revoked"
    ALL = "All"


class SortKey(Enum):
    """What a list is ordered by; the value is the column's name."""

    STATE = "state"
    NAME = "name"
    SCOPE = "scope"
    LAST_USED = "last used"
    DEADLINE = "deadline"
    EXPIRES = "expires"
    CREATED = "created"
    DESCRIPTION = "description"


@dataclass(frozen=True, slots=True)
class Sort:
    """An order; equal rows keep the order of the server."""

    key: SortKey = SortKey.DEADLINE
    descending: bool = False

    def clicked(self, key: SortKey) -> "Sort":
        """The order after a click on a column: a new column ascends, the same one turns around."""
        return Sort(key, not self.descending) if key is self.key else Sort(key)


@dataclass(frozen=True, slots=True)
class Row:
    """One token with what follows from the clock and the threshold.

    `at_risk`: active, and auto-revoked within the near days. `expiring`: active, and expires within them.
    `text` is what a plain filter searches, in lower case.
    """

    token: APIToken
    state: TokenState
    deadline: Deadline | None
    at_risk: bool
    expiring: bool
    text: str


def build_row(token: APIToken, now: datetime, threshold: int | None, near: timedelta) -> Row:
    """Build the row of a token; `threshold` None means that it cannot be read."""
    state = token.state(now)
    active = state is TokenState.ACTIVE
    swept = auto_revoked_at(token, threshold or 0) if active else None
    return Row(
        token,
        state,
        deadline(token, threshold),
        swept is not None and swept <= now + near,
        active and token.expires_at is not None and token.expires_at <= now + near,
        "\n".join((token.name, token.scope, token.id, token.description)).lower(),
    )
