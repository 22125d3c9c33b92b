"""Everything about one API token."""

from dataclasses import dataclass
from datetime import datetime

from textual.app import ComposeResult
from textual.content import Content
from textual.widget import Widget

from app.domain import durations
from app.domain.inactivity import Reason, idle
from app.domain.keyless import likely_system, looks_like_ci_token
from app.domain.times import local
from app.domain.token_row import Row
from app.domain.tokens import TokenState
from widgets.containers import VerticalScroll
from widgets.presenter import clean
from widgets.token_table import state_cell

LABEL = 13
_ROLES = {"good": "$text-success", "warning": "$text-warning", "bad": "$text-error", "muted": "$text-muted"}
Line = tuple[str, Content]


@dataclass(frozen=True, slots=True)
class Detail:
    """A token, and against what it is to be read.

    `threshold` None: it cannot be read. `shows_permissions`: the server tells what a token may do.
    `creator` names the API token that created it, empty where none did; `created` counts the active tokens
    that it created itself.
    """

    row: Row
    now: datetime
    threshold: int | None
    you: bool = False
    shows_permissions: bool = False
    creator: str = ""
    created: int = 0


class DetailText(Widget):
    """Labels on the left, values wrapped beside them."""

    DEFAULT_CSS = """
    DetailText { height: auto; width: 1fr; }
    """

    def __init__(self, detail: Detail | None = None, *, headed: bool = True) -> None:
        super().__init__()
        self.detail = detail
        self._headed = headed
        self._cache: tuple[Detail | None, int, Content] | None = None

    def show(self, detail: Detail | None) -> None:
        """Show another token, or none."""
        before = self._lines(self.size.width)
        self.detail = detail
        # A new layout of the whole screen for each step of the cursor would be felt.
        self.refresh(layout=self._lines(self.size.width) != before)

    def render(self) -> Content:
        return self._content(self.size.width)

    def get_content_height(self, container: object, viewport: object, width: int) -> int:
        return self._lines(width)

    def _lines(self, width: int) -> int:
        return self._content(width).plain.count("\n") + 1

    def _content(self, width: int) -> Content:
        """The text, built once for each token and width."""
        cached = self._cache
        if cached is None or cached[0] is not self.detail or cached[1] != width:
            cached = self._cache = (self.detail, width, self._text(width))
        return cached[2]

    def _text(self, width: int) -> Content:
        if self.detail is None:
            return Content.assemble(("No token is selected.", "$text-muted"))
        value_width = max(10, width - LABEL)
        lines = _head(self.detail, width) if self._headed else []
        for label, value in _fields(self.detail, value_width):
            for number, part in enumerate(value.wrap(value_width) or [Content("")]):
                name = "" if number else label
                lines.append(Content.assemble((name.ljust(LABEL), "$text-muted"), part))
        return Content("\n").join([*lines, *_same_as(self.detail, width)])


class DetailPane(VerticalScroll, can_focus=False):
    """The text, scrollable, beside the list."""

    DEFAULT_CSS = """
    DetailPane { padding: 0 1 0 2; border-left: vkey $border-blurred; }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._text = DetailText()

    def compose(self) -> ComposeResult:
        yield self._text

    def show(self, detail: Detail | None) -> None:
        """Show another token, or none."""
        self._text.show(detail)
        if self.scroll_offset.y:
            self.scroll_home(animate=False)


def _head(detail: Detail, width: int) -> list[Content]:
    name = Content.assemble((clean(detail.row.token.name, 200), "bold")).wrap(max(10, width))
    return [*name, Content("")]


def _fields(detail: Detail, width: int) -> list[Line]:
    token, now = detail.row.token, detail.now
    cell = state_cell(detail.row)
    you = (" · you are signed in with it", "$text-primary") if detail.you else ""
    lines: list[Line] = [
        ("state", Content.assemble((cell.text, _ROLES.get(cell.role, "")), you)),
        ("last used", _moment(token.last_used_at, now)),
    ]
    if token.revoked_at is not None:
        lines.append(("revoked", _moment(token.revoked_at, now)))
    else:
        lines += _idle(detail, width)
    expires = "never" if token.expires_at is None else ""
    return [
        *lines,
        ("expires", Content(expires) if expires else _moment(token.expires_at, now)),
        ("created", _moment(token.created_at, now)),
        *_lineage(detail),
        ("", Content("")),
        ("scope", _plain(token.scope)),
        ("description", _plain(token.description or "—")),
        ("permissions", _permissions(detail)),
        ("organization", _plain(token.organization_name)),
        ("id", _plain(token.id)),
        *_keyless(detail),
    ]


def _lineage(detail: Detail) -> list[Line]:
    """Which API token created it, and how many it created."""
    lines: list[Line] = []
    if detail.creator:
        lines.append(("created by", _plain(detail.creator)))
    if detail.created:
        noun = "token" if detail.created == 1 else "tokens"
        lines.append(("has created", Content(f"{detail.created:,} active {noun}")))
    return lines


def _permissions(detail: Detail) -> Content:
    if given := detail.row.token.permissions:
        return _plain(", ".join(given))
    if detail.shows_permissions:
        return Content("none")
    return Content.assemble(("set by the server, not shown by its API", "$text-muted"))


def _keyless(detail: Detail) -> list[Line]:
    """Point a token that seems to serve a CI job to the way that needs none."""
    token = detail.row.token
    if token.revoked_at is not None or not looks_like_ci_token(token):
        return []
    system = likely_system(token)
    who = f"{system.title} jobs" if system else "CI jobs"
    words = Content.assemble(f"{who} can sign in without a token: ", ("K", "bold $accent"), " shows the job")
    return [("", Content("")), ("CI token?", words)]


def _idle(detail: Detail, width: int) -> list[Line]:
    days = idle(detail.row.token, detail.now).days
    if detail.threshold is None:
        return [("idle", Content(f"{days} d")), ("deadline", _deadline(detail))]
    if detail.threshold == 0:
        return [("idle", Content(f"{days} d, auto-revoke is off")), ("deadline", _deadline(detail))]
    text = f" {days} of {detail.threshold} d"
    bar = _idle_bar(days, detail.threshold, max(6, min(16, width - len(text))))
    return [("idle", Content.assemble(bar, text)), ("deadline", _deadline(detail))]


def _idle_bar(days: int, threshold: int, width: int) -> Content:
    """How much of the threshold is used up: red when all of it is, amber over three quarters."""
    share = min(days / threshold, 1.0)
    full = round(share * width)
    style = "$text-success" if share < 0.75 else "$text-warning" if share < 1 else "$text-error"
    return Content.assemble(("━" * full, style), ("─" * (width - full), "$text-disabled"))


def _deadline(detail: Detail) -> Content:
    end, row = detail.row.deadline, detail.row
    if end is None:
        unknown = "no expiry; the threshold cannot be read" if detail.threshold is None else "none"
        return Content(unknown)
    if row.state is TokenState.EXPIRED:
        return Content("over: it has expired")
    if end.at < detail.now:
        return Content.assemble(("next sweep (≤ 1 h)", "$text-error"))
    why = "when nobody uses it" if end.reason is Reason.IDLE else "it expires"
    style = "$text-warning" if row.at_risk or row.expiring else ""
    return Content.assemble((f"in {durations.short(end.at - detail.now)}, {why}", style))


def _moment(moment: datetime | None, now: datetime) -> Content:
    if moment is None:
        return Content.assemble(("never", "$text-warning"))
    ahead = moment > now
    relative = f"in {durations.short(moment - now)}" if ahead else durations.ago(moment, now)
    return Content.assemble(relative, (f"\n{local(moment):%Y-%m-%d %H:%M:%S %Z}", "$text-muted"))


def _plain(text: str) -> Content:
    return Content(clean(text))


def _same_as(detail: Detail, width: int) -> list[Content]:
    if detail.row.state is TokenState.REVOKED:
        return []
    command = f"loopin chainloop organization api-token revoke --id {clean(detail.row.token.id, 80)}"
    wrapped = Content.assemble((command, "$text-muted")).wrap(max(10, width))
    return [Content(""), Content.assemble(("revoking it is the same as", "$text-muted")), *wrapped]
