"""One line for each activity entry, in columns that fit the width."""

from datetime import datetime

from textual.content import Content

from app.domain.activity import Action, ActivityEntry, Outcome
from app.domain.times import local
from widgets.presenter import clean
from widgets.virtual_table_columns import fit

_GLYPHS = {
    Outcome.DONE: ("✓", "$text-success"),
    Outcome.FAILED: ("✗", "$text-error"),
    Outcome.STARTED: ("!", "$text-warning"),
}
_ACTIONS = {Action.VANISHED: "vanished"}
_WHEN, _ACTION, _PROVIDER, _WHO = 14, 11, 11, 30
_WITH_WHO, _WITH_PROVIDER = 92, 130


def heading(width: int) -> Content:
    """The names of the columns."""
    words = f"{'when':<{_WHEN}}  {'what':<{_ACTION}}"
    words += f"{'where':<{_PROVIDER}}" if width >= _WITH_PROVIDER else ""
    words += f"{'subject':<{_subject(width)}}"
    detail = _detail(width)
    return Content.styled(
        words + "details".ljust(detail) + ("who" if width >= _WITH_WHO else ""), "$text-muted"
    )


def line(entry: ActivityEntry, width: int, now: datetime) -> Content:
    """The entry in `width` cells; `who` and `where` go first when there is little room."""
    glyph, style = _GLYPHS[entry.outcome]
    action = _ACTIONS.get(entry.action, entry.action.value)
    provider = _cell(entry.provider.title, _PROVIDER) if width >= _WITH_PROVIDER else ""
    who = " · ".join(clean(word, 40) for word in (entry.identity, entry.organization) if word)
    return Content.assemble(
        (_cell(when(entry.at, now), _WHEN), "$text-muted"),
        (f"{glyph} ", style),
        (_cell(action, _ACTION), "bold"),
        (provider, "$text-muted"),
        _cell(entry.subject, _subject(width)),
        (_cell(about(entry), _detail(width)), style if entry.outcome is not Outcome.DONE else "$text-muted"),
        (fit(clean(who), _WHO).rstrip() if width >= _WITH_WHO else "", "$text-muted"),
    )


def about(entry: ActivityEntry) -> str:
    """The details, after a word for a failure: colour alone is not enough."""
    detail = clean(entry.detail, 160)
    match entry.outcome:
        case Outcome.STARTED:
            word = "interrupted"
        case Outcome.FAILED:
            word = "failed"
        case Outcome.DONE:
            word = "revoked outside Loopin" if entry.action is Action.VANISHED and not detail else ""
    return ": ".join(part for part in (word, detail) if part)


def when(moment: datetime, now: datetime) -> str:
    """Local time; the year where it is another one."""
    at, here = local(moment), local(now)
    return f"{at:%d %b %H:%M}" if at.year == here.year else f"{at:%d %b %Y}"


def _subject(width: int) -> int:
    return 34 if width >= _WITH_PROVIDER else 24


def _detail(width: int) -> int:
    taken = _WHEN + 2 + _ACTION + _subject(width)
    taken += _PROVIDER if width >= _WITH_PROVIDER else 0
    taken += _WHO if width >= _WITH_WHO else 0
    return max(width - taken, 8)


def _cell(text: str, width: int) -> str:
    """`text` cleaned and cut to `width` cells, one of them blank."""
    return fit(clean(text), width - 1) + " "
