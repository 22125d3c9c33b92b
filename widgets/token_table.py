"""The columns of a list of API tokens, on the virtual table."""

from collections.abc import Callable
from datetime import datetime
from operator import attrgetter

from app.domain import durations
from app.domain.inactivity import Reason
from app.domain.token_index import Rows
from app.domain.token_row import Row, SortKey
from app.domain.tokens import TokenState
from widgets.presenter import clean
from widgets.virtual_table import VirtualTable
from widgets.virtual_table_columns import Cell, Column


class TokenTable(VirtualTable[Row]):
    """Tokens, with the times relative to `now`.

    `you` is the id of the token one is signed in with; `threshold_known` False means that a deadline
    is the expiry alone, which the header says.
    """

    DEFAULT_CSS = ""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__((), attrgetter("token.id"), id=id)

    def set_columns(self, now: datetime, *, you: str = "", threshold_known: bool = True) -> None:
        """Set the moment, the own token and the threshold that the cells refer to."""
        self.use_columns(columns(now, you, threshold_known))

    def place_of(self, key: str) -> int | None:
        """Find a token without building the rows of the others."""
        return self.rows.place_of(key) if isinstance(self.rows, Rows) else super().place_of(key)


def columns(now: datetime, you: str, threshold_known: bool) -> tuple[Column[Row], ...]:
    """All columns, in the order in which they are dropped from the right."""
    return (
        Column(SortKey.STATE.value, "state", 10, state_cell),
        Column(SortKey.NAME.value, "name", 18, _name_cell(you), grow=4, most=64),
        Column(SortKey.SCOPE.value, "scope", 12, _scope, grow=1, most=24),
        Column(SortKey.LAST_USED.value, "last used", 11, _last_used(now)),
        Column(SortKey.DEADLINE.value, "deadline" if threshold_known else "expiry only", 14, _deadline(now)),
        Column(SortKey.EXPIRES.value, "expires", 10, _expires(now)),
        Column(SortKey.CREATED.value, "created", 10, lambda r: Cell(durations.ago(r.token.created_at, now))),
        Column(SortKey.DESCRIPTION.value, "description", 16, _description, grow=6, most=80),
    )


def state_cell(row: Row) -> Cell:
    """A glyph and a word, so that the colour is never alone."""
    if row.state is TokenState.REVOKED:
        return Cell("✗ revoked", "muted")
    if row.state is TokenState.EXPIRED:
        return Cell("○ expired", "muted")
    if row.at_risk:
        return Cell("▲ at risk", "warning")
    return Cell("◔ expiring", "warning") if row.expiring else Cell("● active", "good")


def _name_cell(you: str) -> Callable[[Row], Cell]:
    def cell(row: Row) -> Cell:
        name = clean(row.token.name, 120)
        if you and row.token.id == you:
            return Cell(f"{name} (you)", "accent")
        return Cell(name, "" if row.state is TokenState.ACTIVE else "muted")

    return cell


def _scope(row: Row) -> Cell:
    return Cell(clean(row.token.scope, 80), "" if row.token.project else "muted")


def _last_used(now: datetime) -> Callable[[Row], Cell]:
    def cell(row: Row) -> Cell:
        used = row.token.last_used_at
        return Cell(durations.ago(used, now), "" if used else "warning")

    return cell


def _deadline(now: datetime) -> Callable[[Row], Cell]:
    def cell(row: Row) -> Cell:
        if row.state is TokenState.REVOKED or row.deadline is None:
            return Cell("—", "muted")
        if row.state is TokenState.EXPIRED:
            return Cell("over", "muted")
        if row.deadline.at < now:
            return Cell("next sweep", "bad")
        why = "idle" if row.deadline.reason is Reason.IDLE else "expiry"
        near = row.at_risk or row.expiring
        return Cell(f"{durations.short(row.deadline.at - now)} · {why}", "warning" if near else "")

    return cell


def _expires(now: datetime) -> Callable[[Row], Cell]:
    def cell(row: Row) -> Cell:
        return Cell(
            durations.until(row.token.expires_at, now), "muted" if row.token.expires_at is None else ""
        )

    return cell


def _description(row: Row) -> Cell:
    return Cell(clean(row.token.description, 200), "muted")
