"""`loopin server user show | sessions | grants | keys`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

import click

from app.cli.groups import Leaf
from app.cli.output import in_table, moment, pairs, show, show_json, stamp, table
from app.cli.server_options import (
    database_options,
    email_argument,
    email_option,
    json_option,
    named,
    open_database,
    operator,
)
from app.cli.server_user import ended_shape, person_shape
from app.domain.errors import UsageError
from app.domain.text import plural

if TYPE_CHECKING:
    from app.server.core.access import Ended, GrantRow, KeyRow, SessionRow
    from app.server.core.user_access import CreatedToken, PersonAccess

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class _Kind:
    """One kind of access: the name of its rows in PersonAccess, and how they are printed."""

    name: str
    noun: str
    heads: tuple[str, ...]
    row: Callable[[Any], tuple[str, ...]]
    shape: Callable[[Any], dict[str, Any]]
    none: str = ""
    verb: str = "end"

    def table(self, rows: Sequence[Any]) -> str:
        return table(self.heads, [self.row(row) for row in rows])


def _session_row(row: "SessionRow") -> tuple[str, ...]:
    return str(row.id), row.address, in_table(row.created_at), in_table(row.expires_at)


def _grant_row(row: "GrantRow") -> tuple[str, ...]:
    return str(row.id), row.program, row.scope, in_table(row.created_at), in_table(row.expires_at)


def _key_row(row: "KeyRow") -> tuple[str, ...]:
    of = f"team {row.team} in {row.organization}" if row.team else "the person"
    return str(row.id), of, row.hint, in_table(row.created_at), in_table(row.last_used_at, "never")


def _token_row(row: "CreatedToken") -> tuple[str, ...]:
    scope = f"{row.organization}/{row.project}" if row.project else row.organization
    used, ends = in_table(row.last_used_at, "never"), in_table(row.expires_at, "never")
    return str(row.id), row.name, scope, in_table(row.created_at), used, ends


def _session_shape(row: "SessionRow") -> dict[str, Any]:
    return {
        "id": str(row.id),
        "address": row.address,
        "createdAt": stamp(row.created_at),
        "expiresAt": stamp(row.expires_at),
    }


def _grant_shape(row: "GrantRow") -> dict[str, Any]:
    return {
        "id": str(row.id),
        "clientId": row.client_id,
        "program": row.program,
        "scope": row.scope,
        "createdAt": stamp(row.created_at),
        "expiresAt": stamp(row.expires_at),
    }


def _key_shape(row: "KeyRow") -> dict[str, Any]:
    return {
        "id": str(row.id),
        "team": row.team or None,
        "organization": row.organization or None,
        "hint": row.hint,
        "createdAt": stamp(row.created_at),
        "lastUsedAt": stamp(row.last_used_at),
    }


def _token_shape(row: "CreatedToken") -> dict[str, Any]:
    return {
        "id": str(row.id),
        "name": row.name,
        "organization": row.organization,
        "project": row.project or None,
        "createdAt": stamp(row.created_at),
        "lastUsedAt": stamp(row.last_used_at),
        "expiresAt": stamp(row.expires_at),
    }


_SESSIONS = _Kind(
    "sessions",
    "session",
    ("SESSION", "FROM", "BEGAN (UTC)", "ENDS (UTC)"),
    _session_row,
    _session_shape,
    "No session is open.",
)
_GRANTS = _Kind(
    "grants",
    "allowed program",
    ("ID", "PROGRAM", "SCOPE", "ALLOWED (UTC)", "ENDS (UTC)"),
    _grant_row,
    _grant_shape,
    "No program is allowed.",
)
_KEYS = _Kind(
    "keys",
    "API key",
    ("ID", "OF", "ENDS IN", "CREATED (UTC)", "LAST USED (UTC)"),
    _key_row,
    _key_shape,
    "There is no API key.",
    "delete",
)
_TOKENS = _Kind(
    "tokens",
    "created API token",
    ("API TOKEN", "NAME", "SCOPE", "CREATED (UTC)", "LAST USED (UTC)", "EXPIRES (UTC)"),
    _token_row,
    _token_shape,
)


def _options(verb: str, what: str) -> Callable[[F], F]:
    """Give a command `only` and `every`: which one is to end, or whether all are."""

    def add(function: F) -> F:
        one = click.option(
            f"--{verb}", "only", type=click.UUID, metavar="ID", help=f"{verb.title()} this one."
        )
        every = click.option(f"--{verb}-all", "every", is_flag=True, help=f"{verb.title()} all {what}.")
        return email_argument(email_option(json_option(one(every(database_options(function))))))

    return add


@click.command("show", cls=Leaf)
@email_argument
@email_option
@json_option
@database_options
def show_user(email: str | None, email_option: str | None, as_json: bool, **place: Any) -> None:
    """Show a person: organizations, what is open in their name, and API tokens that they created.

    The API tokens belong to organizations and outlive the person's access.
    """
    found = _read(named(email, email_option, "EMAIL"), place)
    if as_json:
        show_json(_shape(found))
        return
    show(pairs(_facts(found)))
    for kind in (_SESSIONS, _GRANTS, _KEYS, _TOKENS):
        rows = getattr(found, kind.name)
        show(f"\n{plural(len(rows), kind.noun)}")
        if rows:
            show(kind.table(rows))


@click.command("sessions", cls=Leaf)
@_options("end", "sessions")
def sessions(email: str | None, email_option: str | None, **options: Any) -> None:
    """List a person's sessions, or end them. Programs that they allowed end separately: see `grants`."""
    _list_or_end(_SESSIONS, named(email, email_option, "EMAIL"), **options)


@click.command("grants", cls=Leaf)
@_options("end", "programs")
def grants(email: str | None, email_option: str | None, **options: Any) -> None:
    """List the OAuth programs that a person allowed to act for them, or end their access."""
    _list_or_end(_GRANTS, named(email, email_option, "EMAIL"), **options)


@click.command("keys", cls=Leaf)
@_options("delete", "keys")
def keys(email: str | None, email_option: str | None, **options: Any) -> None:
    """List a person's API key and those that they created for teams, or delete them. A key is never shown."""
    _list_or_end(_KEYS, named(email, email_option, "EMAIL"), **options)


def _list_or_end(
    kind: _Kind, email: str, *, only: UUID | None, every: bool, as_json: bool, **place: Any
) -> None:
    """Print the rows of a kind, or end `only` one or `every` one of them."""
    if only is not None and every:
        raise UsageError(f"--{kind.verb} and --{kind.verb}-all exclude each other", hint="give one of them")
    if only is not None or every:
        _print_ended(_end(kind, email, only, place), as_json)
        return
    rows = getattr(_read(email, place), kind.name)
    if as_json:
        show_json([kind.shape(row) for row in rows])
    else:
        show(kind.table(rows) if rows else kind.none)


def _read(email: str, place: dict[str, Any]) -> "PersonAccess":
    with open_database(**place) as database:
        from app.server.clock import utc_now
        from app.server.core.user_access import ReadUserAccess

        return ReadUserAccess(database, utc_now).do(email)


def _end(kind: _Kind, email: str, only: UUID | None, place: dict[str, Any]) -> "Ended":
    with open_database(**place) as database:
        from app.server.clock import utc_now
        from app.server.core.user_access import EndUserAccess

        access = EndUserAccess(database, utc_now)
        end = {"sessions": access.sessions, "grants": access.grants, "keys": access.keys}[kind.name]
        return end(operator(), email, only)


def _print_ended(ended: "Ended", as_json: bool) -> None:
    if as_json:
        show_json(ended_shape(ended))
        return
    counted = (("session", ended.sessions), ("program", ended.grants), ("key", ended.keys))
    show(f"{' and '.join(plural(count, what) for what, count in counted if count) or 'Nothing'} ended.")


def _facts(found: "PersonAccess") -> list[tuple[str, str]]:
    person = found.person
    return [
        ("Person", f"{person.email} {person.name}".strip()),
        ("State", f"disabled since {moment(person.disabled_at)}" if person.disabled_at else "active"),
        ("Password", "yes" if found.has_password else "none; through the identity provider only"),
        ("Organizations", ", ".join(f"{name} ({role})" for name, role in person.places) or "none"),
    ]


def _shape(found: "PersonAccess") -> dict[str, Any]:
    return person_shape(found.person) | {
        "hasPassword": found.has_password,
        "sessions": [_SESSIONS.shape(row) for row in found.sessions],
        "programs": [_GRANTS.shape(row) for row in found.grants],
        "keys": [_KEYS.shape(row) for row in found.keys],
        "createdApiTokens": [_TOKENS.shape(row) for row in found.tokens],
    }
