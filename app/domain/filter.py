"""The filter language of a token list.

    filter    = [ term { space term } ]                     every term must hold
    term      = [ "!" ] ( field | compare | "never" | word )
    field     = ( "scope" | "project" | "status" | "name" | "description" | "id" ) ":" text
    compare   = ( "idle" | "expires" ) ( "<" | ">" ) duration
    word      = text                                        in name, scope, id or description
    duration  = as app.domain.durations.parse reads it          30m, 12h, 7d, 6w, 1y, 1h30m
    text      = bare | '"' { character | '\\"' | '\\\\' } '"'

Case does not count. In a bare text `*` stands for any characters and `?` for one; a quoted text is taken
as it is. The characters = ~ | ! and the pair && are no operators and stand in quotes only: a slip such as
`!!x` or `!name=x` must not become a term that every token satisfies. `scope:` takes global (or org,
organization), project, and project/NAME as the list shows it; `status:` takes active, expired, revoked,
at-risk and expiring. `project:`, `id:` and a project after `scope:` compare the whole, `name:` and
`description:` look inside, unless there is a `*` or `?`: then the whole must fit. `never` means
never used. A token that never expires expires later than anything. `!` turns one term around.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import and_

from app.domain import durations
from app.domain.errors import UsageError
from app.domain.inactivity import idle
from app.domain.times import shift
from app.domain.token_row import Row
from app.domain.tokens import TokenState

Predicate = Callable[[Row], bool]
FIELDS = ("scope", "project", "status", "name", "description", "id")
COMPARED = ("idle", "expires")
STATUSES = ("active", "expired", "revoked", "at-risk", "expiring")
SCOPES = ("global", "org", "organization", "project")
_ONE_PROJECT = "project/NAME"
_TERM = re.compile(r'(?:[^\s"]|"(?:[^"\\]|\\.)*"?)+')
_QUOTED = re.compile(r'"((?:[^"\\]|\\["\\])*)"')
_NO_OPERATOR = re.compile(r"[=~|!]|&&")


class FilterProblem(UsageError):
    """A term that cannot be understood: `term` as typed, `start` its place in the text."""

    def __init__(self, term: str, start: int, message: str, *, hint: str = "") -> None:
        super().__init__(f"{term[:40]}: {message}", hint=hint)
        self.term = term
        self.start = start


@dataclass(frozen=True, slots=True)
class Text:
    """What a person wrote; `literal` when it was quoted."""

    value: str
    literal: bool = False

    def __str__(self) -> str:
        if not self.literal:
            return self.value
        escaped = self.value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'

    @property
    def has_wildcards(self) -> bool:
        """True when * and ? mean something here."""
        return not self.literal and ("*" in self.value or "?" in self.value)


@dataclass(frozen=True, slots=True)
class Term:
    """One condition. `field` empty: a word; "never": never used; `sign` "<" or ">": a comparison."""

    field: str
    text: Text
    sign: str = ":"
    negated: bool = False

    @property
    def needs_threshold(self) -> bool:
        """True when nobody can say without the auto-revoke threshold."""
        return self.field == "status" and self.text.value.lower() == "at-risk"

    @property
    def is_plain_word(self) -> bool:
        """True for a word without * and ? that must be somewhere in the row."""
        return not self.field and not self.negated and not self.text.has_wildcards

    def __str__(self) -> str:
        bang = "!" if self.negated else ""
        if self.field == "never":
            return f"{bang}never"
        return f"{bang}{self.field}{self.sign}{self.text}" if self.field else f"{bang}{self.text}"


@dataclass(frozen=True, slots=True)
class Filter:
    """A filter, taken apart; `str` puts it together again."""

    terms: tuple[Term, ...] = ()

    def __bool__(self) -> bool:
        """False when it lets everything through."""
        return bool(self.terms)

    def __str__(self) -> str:
        return " ".join(str(term) for term in self.terms)

    @property
    def is_selective(self) -> bool:
        """True when a term says what is wanted; negated terms alone select all the rest."""
        return any(not term.negated for term in self.terms)

    def at(self, now: datetime) -> Predicate:
        """The test of one row, at the moment `now`."""
        tests = [_compiled(term, now) for term in self.terms]
        if len(tests) == 1:
            return tests[0]
        return lambda row: all(test(row) for test in tests)

    def mask(self, rows: Sequence[Row], now: datetime) -> bytearray:
        """One byte a row: 1 where it lets the row through at the moment `now`, else 0."""
        matches = bytearray(b"\1") * len(rows)
        for term in self.terms:
            if term.is_plain_word:
                # The one that is typed most, without a call for each row.
                value = term.text.value.lower()
                holds = [value in row.text for row in rows]
            else:
                holds = list(map(_compiled(term, now), rows))
            matches = bytearray(map(and_, matches, holds)) if term is not self.terms[0] else bytearray(holds)
        return matches


def parse(text: str, *, threshold_known: bool = True) -> Filter:
    """Take `text` apart; raise FilterProblem for the first term that cannot be understood, or that only
    the auto-revoke threshold can answer while it is not known."""
    terms = []
    for match in _TERM.finditer(text):
        term = _term(match.group(), match.start())
        if term.needs_threshold and not threshold_known:
            raise FilterProblem(match.group(), match.start(), "the auto-revoke threshold is not known")
        terms.append(term)
    return Filter(tuple(terms))


def understood(text: str) -> tuple[Filter, FilterProblem | None]:
    """Take apart what can be understood, and return the first problem with the rest: for a filter that
    is still being typed."""
    terms: list[Term] = []
    first: FilterProblem | None = None
    for match in _TERM.finditer(text):
        try:
            terms.append(_term(match.group(), match.start()))
        except FilterProblem as problem:
            first = first or problem
    return Filter(tuple(terms)), first


# ── from text ──


def _term(written: str, start: int) -> Term:
    negated = written.startswith("!")
    body = written[1:] if negated else written
    if not body:
        raise FilterProblem(written, start, "a term must follow the !", hint="for example !name:ci-*")
    if body.startswith("!"):
        raise FilterProblem(written, start, "a term takes one ! at most", hint="for example !name:ci-*")
    if body.lower() == "never":
        return Term("never", Text(""), negated=negated)
    match = re.match(r"([^\s\":<>]*)([:<>])(.*)", body, re.S)
    if match is None:
        return Term("", _text(body, written, start), negated=negated)
    field, sign, rest = match[1].lower(), match[2], match[3]
    checked = _field(field, rest, written, start) if sign == ":" else _compare(field, rest, written, start)
    return Term(field, checked, sign, negated)


def _field(field: str, rest: str, written: str, start: int) -> Text:
    if field not in FIELDS:
        raise FilterProblem(
            written, start, f"there is no field {field or 'before the :'}", hint=f"fields: {' '.join(FIELDS)}"
        )
    text = _text(rest, written, start)
    allowed = {"status": STATUSES, "scope": (*SCOPES, _ONE_PROJECT)}.get(field)
    if allowed and text.value.lower() not in allowed and not _is_one_project(field, text):
        raise FilterProblem(written, start, f"{field} is one of {', '.join(allowed)}")
    return text


def _is_one_project(field: str, text: Text) -> bool:
    kind, _, name = text.value.partition("/")
    return field == "scope" and kind.lower() == "project" and bool(name)


def _compare(field: str, rest: str, written: str, start: int) -> Text:
    if field not in COMPARED:
        raise FilterProblem(written, start, "only idle and expires can be compared", hint="idle>30d")
    if durations.parse(rest) is None:
        raise FilterProblem(
            written, start, "a duration must follow: 30m, 12h, 7d, 6w or 1y", hint=f"{field}>30d"
        )
    return Text(rest.lower())


def _text(rest: str, written: str, start: int) -> Text:
    if match := _QUOTED.fullmatch(rest):
        return Text(re.sub(r"\\(.)", r"\1", match[1]), literal=True)
    if '"' in rest:
        raise FilterProblem(written, start, "the quotes do not match", hint='write it as "two words"')
    if not rest:
        raise FilterProblem(written, start, "a text must follow")
    if match := _NO_OPERATOR.search(rest):
        raise FilterProblem(
            written,
            start,
            f"there is no operator {match[0]}",
            hint='write name:ci-* or idle>30d, and put quotes around a text that has it: "a=b"',
        )
    return Text(rest)


# ── to tests ──


def _compiled(term: Term, now: datetime) -> Predicate:
    test = _positive(term, now)
    return (lambda row: not test(row)) if term.negated else test


def _positive(term: Term, now: datetime) -> Predicate:
    match term.field:
        case "":
            return _word(term.text)
        case "never":
            return lambda row: row.token.last_used_at is None
        case "idle" | "expires":
            return _comparison(term, now)
        case "scope" if term.text.value.lower() in SCOPES:
            wants_project = term.text.value.lower() == "project"
            return lambda row: (row.token.project is not None) is wants_project
        case "status":
            return _status(term.text.value.lower())
        case _:
            return _attribute(term)


def _word(text: Text) -> Predicate:
    if text.has_wildcards:
        pattern = _glob_in_line(text.value)
        return lambda row: pattern.search(row.text) is not None
    value = text.value.lower()
    return lambda row: value in row.text


def _comparison(term: Term, now: datetime) -> Predicate:
    span = durations.parse(term.text.value) or timedelta(0)
    less = term.sign == "<"
    if term.field == "idle":
        return lambda row: (idle(row.token, now) < span) if less else (idle(row.token, now) > span)
    limit = shift(now, span)

    def expires(row: Row) -> bool:
        end = row.token.expires_at
        if end is None:
            return not less
        return now < end < limit if less else end > limit

    return expires


def _status(value: str) -> Predicate:
    if value == "at-risk":
        return lambda row: row.at_risk
    if value == "expiring":
        return lambda row: row.expiring
    state = TokenState(value)
    return lambda row: row.state is state


_READ: dict[str, Callable[[Row], str]] = {
    "name": lambda row: row.token.name,
    "description": lambda row: row.token.description,
    "id": lambda row: row.token.id,
    "project": lambda row: row.token.project.name if row.token.project else "",
    "scope": lambda row: row.token.scope,
}


def _attribute(term: Term) -> Predicate:
    read, text = _READ[term.field], term.text
    if text.has_wildcards:
        pattern = _whole_glob(text.value)
        return lambda row: pattern.fullmatch(read(row)) is not None
    value = text.value.lower()
    if term.field in {"id", "project", "scope"}:
        return lambda row: read(row).lower() == value
    return lambda row: value in read(row).lower()


# Each piece between two * is looked for once, as far left as it goes, in an atomic group: whatever follows,
# no other place of it is tried. Without that, `*.*.*.*z` takes the fourth power of a text's length.
# No piece spans a line break: the words of a row stand on lines of their own.


def _glob_in_line(glob: str) -> re.Pattern[str]:
    """The pattern to `search` for `glob` anywhere in one line of a text, in time linear in the text."""
    pieces = [_piece(part) for part in glob.split("*") if part]
    return re.compile(f"^{_in_order(pieces)}" if pieces else "", re.IGNORECASE | re.MULTILINE)


def _whole_glob(glob: str) -> re.Pattern[str]:
    """The pattern that a text has to `fullmatch`, in time linear in the text."""
    first, *between = (_piece(part) for part in glob.split("*"))
    if not between:
        return re.compile(first, re.IGNORECASE)
    *middle, last = between
    return re.compile(f"{first}{_in_order(part for part in middle if part)}[^\\n]*{last}", re.IGNORECASE)


def _in_order(pieces: Iterable[str]) -> str:
    return "".join(f"(?>[^\\n]*?{piece})" for piece in pieces)


def _piece(text: str) -> str:
    return "".join(r"[^\n]" if char == "?" else re.escape(char) for char in text)
