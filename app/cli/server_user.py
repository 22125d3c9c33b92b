"""`loopin server user …`, except `remove`: people who may sign in, and what is open in their name."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

import click

from app.cli.output import in_table, json_object, moment, pairs, table
from app.cli.server_command import (
    Output,
    database_command,
    email_argument,
    list_output,
    new_password,
    operator,
)
from app.cli.server_options import database_flags
from app.domain.errors import UsageError
from app.domain.text import plural

if TYPE_CHECKING:
    # At run time they are imported when a command runs: they belong to the extra `server`.
    from app.server.core.access import AllowedProgram, CreatedToken, EndedAccess, KeyDetails
    from app.server.core.accounts import UserDetails, UserSummary
    from app.server.persistence.engine import Database
    from app.server.persistence.models import LoginSession

F = TypeVar("F", bound=Callable[..., Any])


@database_command("add")
@email_argument
@click.option("--first-name", default="", metavar="NAME", help="Shown to others.")
@click.option("--last-name", default="", metavar="NAME", help="Shown to others.")
def add(database: "Database", email: str, first_name: str, last_name: str) -> Output:
    """Add a person. The password is asked for, or read from standard input; it is never an argument."""
    from app.server.core.accounts import Accounts, NewUser

    user = NewUser(email, first_name, last_name).check()
    user_id = Accounts(database).add_user(operator(), user, new_password())
    next_step = f"loopin server membership set {user.email} --org ORG --role ROLE{database_flags()}"
    return Output({"id": str(user_id), "email": user.email}, f"Added {user.email}. Next: {next_step}")


@database_command("list")
def list_(database: "Database") -> Output:
    """List everybody, with their organizations and roles.

    API TOKENS counts those that a person created and that work: they belong to organizations and outlive
    the person's access.
    """
    from app.server.core.accounts import Accounts

    return list_output(
        Accounts(database).list_users(),
        _user_json,
        ("EMAIL", "NAME", "STATE", "ORGANIZATIONS", "API TOKENS", "ADDED (UTC)"),
        lambda user: (
            user.email,
            user.name,
            "disabled" if user.disabled_at else "active",
            _describe_memberships(user),
            str(user.tokens),
            in_table(user.created_at),
        ),
        "Nobody. Add somebody with: loopin server user add EMAIL",
    )


@database_command("disable")
@email_argument
def disable(database: "Database", email: str) -> Output:
    """Keep a person out: every session, program and key of theirs ends at once."""
    from app.server.core.accounts import Accounts

    ended = Accounts(database).disable_user(operator(), email)
    lines = [f"Signed out everywhere: {_count_ended(ended)} ended."]
    if ended.tokens:
        verb = "works" if ended.tokens == 1 else "work"
        lines += [
            f"{plural(ended.tokens, 'API token')} that they created still {verb}. See which:",
            f"  loopin server user show {email}{database_flags()}",
        ]
    return Output(_ended_json(ended), "\n".join(lines))


@database_command("enable")
@email_argument
def enable(database: "Database", email: str) -> Output:
    """Let a person in again; they sign in anew."""
    from app.server.core.accounts import Accounts

    ended = Accounts(database).enable_user(operator(), email)
    return Output(_ended_json(ended), "They may sign in again.")


@database_command("reset-password")
@email_argument
def reset_password(database: "Database", email: str) -> Output:
    """Give a person a new password and sign them out everywhere. It is asked for, or read from a pipe."""
    from app.server.core.accounts import Accounts

    ended = Accounts(database).reset_password(operator(), email, new_password())
    return Output(_ended_json(ended), f"The password is changed: {_count_ended(ended)} ended.")


@database_command("unlock")
@email_argument
def unlock(database: "Database", email: str) -> Output:
    """Let a person try again after too many wrong passwords. Limits per address stay."""
    from app.server.core.accounts import Accounts

    cleared = Accounts(database).unlock_user(operator(), email)
    return Output({"failures": cleared}, f"They may try again: {plural(cleared, 'failed sign-in')} cleared.")


@dataclass(frozen=True, slots=True)
class _Kind:
    """One kind of access: the name of its rows in UserDetails, and how they are printed."""

    name: str
    noun: str
    headers: tuple[str, ...]
    cells: Callable[[Any], tuple[str, ...]]
    json: Callable[[Any], dict[str, Any]]
    empty: str = ""
    verb: str = "end"

    def table(self, rows: Sequence[Any]) -> str:
        return table(self.headers, [self.cells(row) for row in rows])


def _session_cells(row: "LoginSession") -> tuple[str, ...]:
    return str(row.id), row.address, in_table(row.created_at), in_table(row.expires_at)


def _grant_cells(row: "AllowedProgram") -> tuple[str, ...]:
    return str(row.id), row.program, row.scope, in_table(row.created_at), in_table(row.expires_at)


def _key_cells(row: "KeyDetails") -> tuple[str, ...]:
    owner = f"team {row.team} in {row.organization}" if row.team else "the person"
    return str(row.id), owner, row.hint, in_table(row.created_at), in_table(row.last_used_at, "never")


def _token_cells(row: "CreatedToken") -> tuple[str, ...]:
    scope = f"{row.organization}/{row.project}" if row.project else row.organization
    used, ends = in_table(row.last_used_at, "never"), in_table(row.expires_at, "never")
    return str(row.id), row.name, scope, in_table(row.created_at), used, ends


def _key_json(row: "KeyDetails") -> dict[str, Any]:
    fields = json_object(row, "id", "team", "organization", "hint", "created_at", "last_used_at")
    return fields | {"team": row.team or None, "organization": row.organization or None}


def _token_json(row: "CreatedToken") -> dict[str, Any]:
    fields = json_object(
        row, "id", "name", "organization", "project", "created_at", "last_used_at", "expires_at"
    )
    return fields | {"project": row.project or None}


_SESSIONS = _Kind(
    "sessions",
    "session",
    ("SESSION", "FROM", "BEGAN (UTC)", "ENDS (UTC)"),
    _session_cells,
    lambda row: json_object(row, "id", "address", "created_at", "expires_at"),
    "No session is open.",
)
_GRANTS = _Kind(
    "grants",
    "allowed program",
    ("ID", "PROGRAM", "SCOPE", "ALLOWED (UTC)", "ENDS (UTC)"),
    _grant_cells,
    lambda row: json_object(row, "id", "client_id", "program", "scope", "created_at", "expires_at"),
    "No program is allowed.",
)
_KEYS = _Kind(
    "keys",
    "API key",
    ("ID", "OF", "ENDS IN", "CREATED (UTC)", "LAST USED (UTC)"),
    _key_cells,
    _key_json,
    "There is no API key.",
    "delete",
)
_TOKENS = _Kind(
    "tokens",
    "created API token",
    ("API TOKEN", "NAME", "SCOPE", "CREATED (UTC)", "LAST USED (UTC)", "EXPIRES (UTC)"),
    _token_cells,
    _token_json,
)


@database_command("show")
@email_argument
def show_user(database: "Database", email: str) -> Output:
    """Show a person: organizations, what is open in their name, and API tokens that they created.

    The API tokens belong to organizations and outlive the person's access.
    """
    from app.server.core.accounts import Accounts

    details = Accounts(database).read_user(email)
    lines = [pairs(_facts(details))]
    for kind in (_SESSIONS, _GRANTS, _KEYS, _TOKENS):
        rows = getattr(details, kind.name)
        lines.append(f"\n{plural(len(rows), kind.noun)}")
        if rows:
            lines.append(kind.table(rows))
    fields = _user_json(details.summary) | {
        "hasPassword": details.has_password,
        "sessions": [_SESSIONS.json(row) for row in details.sessions],
        "programs": [_GRANTS.json(row) for row in details.grants],
        "keys": [_KEYS.json(row) for row in details.keys],
        "createdApiTokens": [_TOKENS.json(row) for row in details.tokens],
    }
    return Output(fields, "\n".join(lines))


def _end_options(verb: str, what: str) -> Callable[[F], F]:
    """Give a command `only` and `every`: which one is to end, or whether all are."""

    def add(function: F) -> F:
        one = click.option(
            f"--{verb}", "only", type=click.UUID, metavar="ID", help=f"{verb.title()} this one."
        )
        every = click.option(f"--{verb}-all", "every", is_flag=True, help=f"{verb.title()} all {what}.")
        return email_argument(one(every(function)))

    return add


@database_command("sessions")
@_end_options("end", "sessions")
def sessions(database: "Database", email: str, only: UUID | None, every: bool) -> Output:
    """List a person's sessions, or end them. Programs that they allowed end separately: see `grants`."""
    return _list_or_end(database, _SESSIONS, email, only, every)


@database_command("grants")
@_end_options("end", "programs")
def grants(database: "Database", email: str, only: UUID | None, every: bool) -> Output:
    """List the OAuth programs that a person allowed to act for them, or end their access."""
    return _list_or_end(database, _GRANTS, email, only, every)


@database_command("keys")
@_end_options("delete", "keys")
def keys(database: "Database", email: str, only: UUID | None, every: bool) -> Output:
    """List a person's API key and those that they created for teams, or delete them. A key is never shown."""
    return _list_or_end(database, _KEYS, email, only, every)


def _list_or_end(database: "Database", kind: _Kind, email: str, only: UUID | None, every: bool) -> Output:
    """List the rows of a kind, or end `only` one or `every` one of them."""
    from app.server.core.accounts import Accounts

    accounts = Accounts(database)
    if only is not None and every:
        raise UsageError(f"--{kind.verb} and --{kind.verb}-all exclude each other", hint="give one of them")
    if only is None and not every:
        rows = getattr(accounts.read_user(email), kind.name)
        return list_output(rows, kind.json, kind.headers, kind.cells, kind.empty)
    end = {
        "sessions": accounts.end_sessions,
        "grants": accounts.end_grants,
        "keys": accounts.delete_keys,
    }[kind.name]
    ended = end(operator(), email, only)
    counted = (("session", ended.sessions), ("program", ended.grants), ("key", ended.keys))
    counts = " and ".join(plural(count, noun) for noun, count in counted if count)
    return Output(_ended_json(ended), f"{counts or 'Nothing'} ended.")


def _facts(details: "UserDetails") -> list[tuple[str, str]]:
    user = details.summary
    return [
        ("Person", f"{user.email} {user.name}".strip()),
        ("State", f"disabled since {moment(user.disabled_at)}" if user.disabled_at else "active"),
        ("Password", "yes" if details.has_password else "none; through the identity provider only"),
        ("Organizations", _describe_memberships(user) or "none"),
    ]


def _describe_memberships(user: "UserSummary") -> str:
    return ", ".join(f"{name} ({role})" for name, role in user.memberships)


def _user_json(user: "UserSummary") -> dict[str, Any]:
    return json_object(user, "id", "email", "name", "created_at", "disabled_at") | {
        "memberships": [{"organization": name, "role": role} for name, role in user.memberships],
        "apiTokens": user.tokens,
    }


def _count_ended(ended: "EndedAccess") -> str:
    counts = (plural(ended.sessions, "session"), plural(ended.grants, "program"), plural(ended.keys, "key"))
    return ", ".join(counts)


def _ended_json(ended: "EndedAccess") -> dict[str, int]:
    return {
        "sessions": ended.sessions,
        "programs": ended.grants,
        "keys": ended.keys,
        "tokensThatLiveOn": ended.tokens,
    }
