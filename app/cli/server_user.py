"""`loopin server user add | list | disable | enable | reset-password | unlock`."""

from typing import TYPE_CHECKING, Any

import click

from app.cli.groups import Leaf
from app.cli.output import in_table, show, show_json, stamp, table
from app.cli.server_options import (
    database_options,
    email_argument,
    email_option,
    json_option,
    named,
    new_password,
    open_database,
    operator,
    place_words,
)
from app.domain.text import plural

if TYPE_CHECKING:
    from app.server.core.access import Ended
    from app.server.core.accounts import PersonRow


@click.command("add", cls=Leaf)
@email_argument
@email_option
@click.option("--first-name", default="", metavar="NAME", help="Shown to others.")
@click.option("--last-name", default="", metavar="NAME", help="Shown to others.")
@json_option
@database_options
def add(
    email: str | None,
    email_option: str | None,
    first_name: str,
    last_name: str,
    as_json: bool,
    **place: Any,
) -> None:
    """Add a person. The password is asked for, or read from standard input; it is never an argument."""
    with open_database(**place) as database:
        from app.server.clock import utc_now
        from app.server.core.accounts import AddUser, NewPerson
        from app.server.core.passwords import Passwords

        person = NewPerson(named(email, email_option, "EMAIL"), first_name, last_name).check()
        made = AddUser(database, Passwords(), utc_now).do(operator(), person, new_password())
    if as_json:
        show_json({"id": str(made), "email": person.email})
    else:
        next_step = f"loopin server membership set {person.email} --org ORG --role ROLE{place_words(**place)}"
        show(f"Added {person.email}. Next: {next_step}")


@click.command("list", cls=Leaf)
@json_option
@database_options
def list_(as_json: bool, **place: Any) -> None:
    """List everybody, with their organizations and roles.

    API TOKENS counts those that a person created and that work: they belong to organizations and outlive
    the person's access.
    """
    with open_database(**place) as database:
        from app.server.clock import utc_now
        from app.server.core.accounts import ListUsers

        found = ListUsers(database, utc_now).do()
    if as_json:
        show_json([person_shape(person) for person in found])
    elif found:
        heads = ("EMAIL", "NAME", "STATE", "ORGANIZATIONS", "API TOKENS", "ADDED (UTC)")
        show(table(heads, [_row(p) for p in found]))
    else:
        show("Nobody. Add somebody with: loopin server user add EMAIL")


@click.command("disable", cls=Leaf)
@email_argument
@email_option
@json_option
@database_options
def disable(email: str | None, email_option: str | None, as_json: bool, **place: Any) -> None:
    """Keep a person out: every session, program and key of theirs ends at once."""
    who = named(email, email_option, "EMAIL")
    with open_database(**place) as database:
        ended = _set_access(database, who, allowed=False)
    _tell(ended, as_json, "Signed out everywhere")
    if ended.tokens and not as_json:
        count = plural(ended.tokens, "API token")
        show(f"{count} that they created still {'works' if ended.tokens == 1 else 'work'}. See which:")
        show(f"  loopin server user show {who}{place_words(**place)}")


@click.command("enable", cls=Leaf)
@email_argument
@email_option
@json_option
@database_options
def enable(email: str | None, email_option: str | None, as_json: bool, **place: Any) -> None:
    """Let a person in again; they sign in anew."""
    with open_database(**place) as database:
        ended = _set_access(database, named(email, email_option, "EMAIL"), allowed=True)
    if as_json:
        show_json(ended_shape(ended))
    else:
        show("They may sign in again.")


@click.command("reset-password", cls=Leaf)
@email_argument
@email_option
@json_option
@database_options
def reset_password(email: str | None, email_option: str | None, as_json: bool, **place: Any) -> None:
    """Give a person a new password and sign them out everywhere. It is asked for, or read from a pipe."""
    with open_database(**place) as database:
        from app.server.clock import utc_now
        from app.server.core.accounts import ResetPassword
        from app.server.core.passwords import Passwords

        reset = ResetPassword(database, Passwords(), utc_now)
        ended = reset.do(operator(), named(email, email_option, "EMAIL"), new_password())
    _tell(ended, as_json, "The password is changed")


@click.command("unlock", cls=Leaf)
@email_argument
@email_option
@json_option
@database_options
def unlock(email: str | None, email_option: str | None, as_json: bool, **place: Any) -> None:
    """Let a person try again after too many wrong passwords. Limits per address stay."""
    with open_database(**place) as database:
        from app.server.clock import utc_now
        from app.server.core.accounts import Unlock

        cleared = Unlock(database, utc_now).do(operator(), named(email, email_option, "EMAIL"))
    if as_json:
        show_json({"failures": cleared})
    else:
        show(f"They may try again: {plural(cleared, 'failed sign-in')} cleared.")


def _set_access(database: Any, email: str, *, allowed: bool) -> "Ended":
    from app.server.clock import utc_now
    from app.server.core.accounts import SetAccess

    return SetAccess(database, utc_now).do(operator(), email, allowed)


def _tell(ended: "Ended", as_json: bool, done: str) -> None:
    if as_json:
        show_json(ended_shape(ended))
        return
    parts = (plural(ended.sessions, "session"), plural(ended.grants, "program"), plural(ended.keys, "key"))
    show(f"{done}: {', '.join(parts)} ended.")


def ended_shape(ended: "Ended") -> dict[str, int]:
    """How much ended, as JSON."""
    return {
        "sessions": ended.sessions,
        "programs": ended.grants,
        "keys": ended.keys,
        "tokensThatLiveOn": ended.tokens,
    }


def _row(person: "PersonRow") -> tuple[str, ...]:
    state = "disabled" if person.disabled_at else "active"
    places = ", ".join(f"{name} ({role})" for name, role in person.places)
    return person.email, person.name, state, places, str(person.tokens), in_table(person.created_at)


def person_shape(person: "PersonRow") -> dict[str, Any]:
    """A person as JSON."""
    return {
        "id": str(person.id),
        "email": person.email,
        "name": person.name,
        "createdAt": stamp(person.created_at),
        "disabledAt": stamp(person.disabled_at),
        "memberships": [{"organization": name, "role": role} for name, role in person.places],
        "apiTokens": person.tokens,
    }
