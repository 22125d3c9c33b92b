"""Stand-ins for what must not be seen while a screen is shared.

Values of servers and of the activity log are learned as they come in; `mask` then puts "name-3" or "user-1"
in their place, the same every time. E-mail addresses, ids, URLs and hosts are known by their form.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import fields, is_dataclass

from app.domain.activity import Action

KINDS = {
    "name": "name",
    "first_name": "name",
    "last_name": "name",
    "organization": "name",
    "organization_name": "name",
    "project": "name",
    "token_name": "name",
    "profile": "name",
    "subject": "name",
    "email": "user",
    "identity": "user",
    "id": "id",
    "parent_id": "id",
    "organization_id": "id",
    "token_id": "id",
    "team_id": "id",
    "user_id": "id",
    "subject_id": "id",
    "description": "text",
    "address": "host",
    "endpoint": "host",
}
"""What the fields of our values hold, by the field's name."""

_COMMON = frozenset(
    {"default", "global", "organization", "project", "API", "token", "localhost", "127.0.0.1"}
)
_FORMS = re.compile(
    r"(?P<user>[^\s@<>()\"']+@[\w-]+(?:\.[\w-]+)+)"
    r"|(?P<id>\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b)"
    r"|(?P<host>https?://[^\s/]+|\b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?\b"
    r"|\b(?:[\w-]+\.)+(?!toml|json|jsonl|yml|yaml|csv|md|txt|log|py)[a-z]{2,}(?::\d+)?\b)",
    re.I,
)
_WORD = re.compile(r"[^\W_](?:[\w.@:-]*\w)?")
_OWN = re.compile(r"(?:https?://)?(?:127\.0\.0\.1|localhost|\[::1\])(?::\d+)?", re.I)


class Redactor:
    """Learns words, and masks them."""

    def __init__(self) -> None:
        self._stand_ins: dict[str, str] = {}
        self._counts: dict[str, int] = {}

    def learn(self, value: object) -> None:
        """Learn every name, address and id in one of our values, and in what it is made of."""
        for kind, word in _words(value):
            self._stand_in(kind, word)

    def learn_names(self, names: Iterable[str]) -> None:
        """Learn plain names."""
        for name in names:
            self._stand_in("name", name)

    def mask(self, text: str) -> str:
        """Return `text` with a stand-in for everything known or of a known form."""
        if (whole := self._stand_ins.get(text)) is not None:
            return whole
        text = _FORMS.sub(self._formed, text)
        return _WORD.sub(lambda match: self._worded(match[0]), text)

    def _worded(self, word: str) -> str:
        """The stand-in of a word, or of what it begins with: "ci-web-2026-03" follows "ci-web"."""
        head, tail = word, ""
        while head:
            if (stand_in := self._stand_ins.get(head)) is not None:
                return f"{stand_in}{tail}"
            head, hyphen, last = head.rpartition("-")
            tail = f"{hyphen}{last}{tail}"
        return word

    def _formed(self, match: re.Match[str]) -> str:
        word, kind = match[0], match.lastgroup or "text"
        if _OWN.fullmatch(word):
            return word
        return self._stand_ins.get(word) or self._stand_in(kind, word)

    def _stand_in(self, kind: str, word: str) -> str:
        if len(word) < 2 or word in _COMMON or word in self._stand_ins or _OWN.fullmatch(word):
            return self._stand_ins.get(word, word)
        self._counts[kind] = self._counts.get(kind, 0) + 1
        self._stand_ins[word] = f"{kind}-{self._counts[kind]}"
        return self._stand_ins[word]


def _words(value: object) -> Iterator[tuple[str, str]]:
    if is_dataclass(value) and not isinstance(value, type):
        for field in fields(value):
            yield from _field(value, field.name)
    elif isinstance(value, tuple) and hasattr(value, "_fields"):
        for name in value._fields:
            yield from _field(value, name)
    elif isinstance(value, list | tuple | set | frozenset):
        for item in value:
            yield from _words(item)


def _field(owner: object, name: str) -> Iterator[tuple[str, str]]:
    inside = getattr(owner, name)
    if not isinstance(inside, str):
        yield from _words(inside)
    elif (kind := KINDS.get(name)) and not (name == "subject" and _no_name(owner, inside)):
        yield kind, inside
        if kind == "name" and "/" in inside:
            # A CI project, "acme/web", of which the workflow's address tells the halves.
            yield from ((kind, part) for part in inside.split("/"))


def _no_name(entry: object, subject: str) -> bool:
    """True for what the activity log has where no single thing has a name: "90 days", "profile default"."""
    action = getattr(entry, "action", None)
    return action in {Action.THRESHOLD, Action.LOGIN, Action.LOGOUT} or subject.endswith(" API tokens")
