"""`loopin server user show | sessions | grants | keys`."""

from collections.abc import Callable
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
    from app.server.usecases.access import Ended, GrantRow, KeyRow, SessionRow
    from app.server.usecases.user_access import PersonAccess, TokenRow

F = TypeVar("F", bound=Callable[..., Any])
_SESSIONS = ("SESSION", "FROM", "BEGAN (UTC)", "ENDS (UTC)")
_GRANTS = ("ID", "PROGRAM", "SCOPE", "ALLOWED (UTC)", "ENDS (UTC)")
_KEYS = ("ID", "OF", "ENDS IN", "MADE (UTC)", "LAST USED (UTC)")
_TOKENS = ("API TOKEN", "NAME", "SCOPE", "CREATED (UTC)", "LAST USED (UTC)", "EXPIRES (UTC)")


def _ending(verb: str, what: str) -> Callable[[F], F]:
    """Give a command `only` and `every`: which one is to end, or whether all are."""

    def add(function: F) -> F:
        one = click.option(
            f"--{verb}", "only", type=click.UUID, metavar="ID", help=f"{verb.title()} this one."
        )
        every = click.option(f"--{verb}-all", "every", is_flag=True, help=f"{verb.title()} all {what}.")
        return json_option(one(every(function)))

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
    for what, heads, rows in (
        ("session", _SESSIONS, [_session_row(row) for row in found.sessions]),
        ("allowed program", _GRANTS, [_grant_row(row) for row in found.grants]),
        ("API key", _KEYS, [_key_row(row) for row in found.keys]),
        ("created API token", _TOKENS, [_token_row(row) for row in found.tokens]),
    ):
        show(f"\n{plural(len(rows), what)}")
        if rows:
            show(table(heads, rows))


@click.command("sessions", cls=Leaf)
@email_argument
@email_option
@_ending("end", "sessions")
@database_options
def sessions(
    email: str | None, email_option: str | None, only: UUID | None, every: bool, as_json: bool, **place: Any
) -> None:
    """List where a person is signed in, or end it. Programs that they allowed have an end of their own."""
    who = named(email, email_option, "EMAIL")
    if _ends(only, every, "--end"):
        _tell(_end("sessions", who, only, place), as_json)
        return
    rows = _read(who, place).sessions
    if as_json:
        show_json([_session_shape(row) for row in rows])
    else:
        show(table(_SESSIONS, [_session_row(row) for row in rows]) if rows else "No session is open.")


@click.command("grants", cls=Leaf)
@email_argument
@email_option
@_ending("end", "programs")
@database_options
def grants(
    email: str | None, email_option: str | None, only: UUID | None, every: bool, as_json: bool, **place: Any
) -> None:
    """List the OAuth programs that a person allowed to act for them, or end that."""
    who = named(email, email_option, "EMAIL")
    if _ends(only, every, "--end"):
        _tell(_end("grants", who, only, place), as_json)
        return
    rows = _read(who, place).grants
    if as_json:
        show_json([_grant_shape(row) for row in rows])
    else:
        show(table(_GRANTS, [_grant_row(row) for row in rows]) if rows else "No program is allowed.")


@click.command("keys", cls=Leaf)
@email_argument
@email_option
@_ending("delete", "keys")
@database_options
def keys(
    email: str | None, email_option: str | None, only: UUID | None, every: bool, as_json: bool, **place: Any
) -> None:
    """List a person's API key and those that they made for teams, or delete them. A key is never shown."""
    who = named(email, email_option, "EMAIL")
    if _ends(only, every, "--delete"):
        _tell(_end("keys", who, only, place), as_json)
        return
    rows = _read(who, place).keys
    if as_json:
        show_json([_key_shape(row) for row in rows])
    else:
        show(table(_KEYS, [_key_row(row) for row in rows]) if rows else "There is no API key.")


def _ends(only: UUID | None, every: bool, option: str) -> bool:
    if only is not None and every:
        raise UsageError(f"{option} and {option}-all exclude each other", hint="give one of them")
    return only is not None or every


def _read(email: str, place: dict[str, Any]) -> "PersonAccess":
    with open_database(**place) as database:
        from app.server.clock import utc_now
        from app.server.usecases.user_access import ReadUserAccess

        return ReadUserAccess(database, utc_now).do(email)


def _end(kind: str, email: str, only: UUID | None, place: dict[str, Any]) -> "Ended":
    with open_database(**place) as database:
        from app.server.clock import utc_now
        from app.server.usecases.user_access import EndUserAccess

        acts = EndUserAccess(database, utc_now)
        act = {"sessions": acts.sessions, "grants": acts.grants, "keys": acts.keys}[kind]
        return act(operator(), email, only)


def _tell(ended: "Ended", as_json: bool) -> None:
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


def _session_row(row: "SessionRow") -> tuple[str, ...]:
    return str(row.id), row.address, in_table(row.created_at), in_table(row.expires_at)


def _grant_row(row: "GrantRow") -> tuple[str, ...]:
    return str(row.id), row.program, row.scope, in_table(row.created_at), in_table(row.expires_at)


def _key_row(row: "KeyRow") -> tuple[str, ...]:
    of = f"team {row.team} in {row.organization}" if row.team else "the person"
    return str(row.id), of, row.hint, in_table(row.created_at), in_table(row.last_used_at, "never")


def _token_row(row: "TokenRow") -> tuple[str, ...]:
    scope = f"{row.organization}/{row.project}" if row.project else row.organization
    used, ends = in_table(row.last_used_at, "never"), in_table(row.expires_at, "never")
    return str(row.id), row.name, scope, in_table(row.created_at), used, ends


def _shape(found: "PersonAccess") -> dict[str, Any]:
    return person_shape(found.person) | {
        "hasPassword": found.has_password,
        "sessions": [_session_shape(row) for row in found.sessions],
        "programs": [_grant_shape(row) for row in found.grants],
        "keys": [_key_shape(row) for row in found.keys],
        "createdApiTokens": [_token_shape(row) for row in found.tokens],
    }


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


def _token_shape(row: "TokenRow") -> dict[str, Any]:
    return {
        "id": str(row.id),
        "name": row.name,
        "organization": row.organization,
        "project": row.project or None,
        "createdAt": stamp(row.created_at),
        "lastUsedAt": stamp(row.last_used_at),
        "expiresAt": stamp(row.expires_at),
    }
