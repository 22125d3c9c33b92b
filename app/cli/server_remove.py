"""`loopin server user remove`, `server org remove` and `server project remove`."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from app.cli.groups import Leaf
from app.cli.output import show, show_json
from app.cli.server_options import (
    database_options,
    email_argument,
    email_option,
    json_option,
    named,
    open_database,
    operator,
)
from app.cli.terminal import ask, can_ask
from app.domain.errors import Cancelled, UsageError
from app.domain.text import clean

if TYPE_CHECKING:
    # At run time it is imported when a command runs: it belongs to the extra `server`.
    from app.server.core.removal import RemovalPreview

_name = click.argument("name", required=False, metavar="NAME")
_name_option = click.option("--name", "name_option", hidden=True)
_org = click.option("--org", "organization", required=True, metavar="ORG", help="The project's organization.")
_yes = click.option("-y", "--yes", is_flag=True, help="Do not ask for confirmation.")
_JSON = {
    "grants": "programs",
    "project_roles": "projectRoles",
    "tokens": "apiTokens",
    "team_keys": "teamKeys",
}


@click.command("remove", cls=Leaf)
@email_argument
@email_option
@_yes
@json_option
@database_options
def remove_user(email: str | None, email_option: str | None, yes: bool, as_json: bool, **place: Any) -> None:
    """Remove a person for good. Shows what ends and asks first; without a terminal, --yes is needed.

    API tokens that they created and keys that they created for teams stay valid. The last owner of an
    organization cannot be removed. To keep somebody out, `disable` is enough.
    """
    who = named(email, email_option, "EMAIL")
    with open_database(**place) as database:
        from app.server.clock import utc_now
        from app.server.core.removal import RemoveUser

        act = RemoveUser(database, utc_now)
        shown = act.preview(who)
        _confirm(f"the person {shown.name}", shown, yes)
        act.do(operator(), shown)
    _report({"email": shown.name}, f"Removed {shown.name}", shown, as_json)


@click.command("remove", cls=Leaf)
@_name
@_name_option
@_yes
@json_option
@database_options
def remove_org(name: str | None, name_option: str | None, yes: bool, as_json: bool, **place: Any) -> None:
    """Remove an organization for good. Shows what ends and asks first; without a terminal, --yes is needed.

    Its members keep their accounts on this server. Its name cannot be used again.
    """
    wanted = named(name, name_option, "NAME")
    with open_database(**place) as database:
        from app.server.clock import utc_now
        from app.server.core.removal import RemoveOrganization

        act = RemoveOrganization(database, utc_now)
        shown = act.preview(wanted)
        _confirm(f"the organization {shown.name}", shown, yes)
        act.do(operator(), shown)
    _report({"organization": shown.name}, f"Removed {shown.name}", shown, as_json)


@click.command("remove", cls=Leaf)
@_name
@_name_option
@_org
@_yes
@json_option
@database_options
def remove_project(
    name: str | None, name_option: str | None, organization: str, yes: bool, as_json: bool, **place: Any
) -> None:
    """Remove a project for good. Shows what ends and asks first; without a terminal, --yes is needed.

    Its API tokens end with it.
    """
    wanted = named(name, name_option, "NAME")
    with open_database(**place) as database:
        from app.server.clock import utc_now
        from app.server.core.removal import RemoveProject

        act = RemoveProject(database, utc_now)
        shown = act.preview(organization, wanted)
        _confirm(f"the project {shown.name} of {organization}", shown, yes)
        act.do(operator(), shown)
    where = {"organization": organization, "project": shown.name}
    _report(where, f"Removed project {shown.name} of {organization}", shown, as_json)


def _confirm(what: str, shown: "RemovalPreview", yes: bool) -> None:
    """Show on standard error what would end; raise Cancelled unless the name is typed."""
    from app.server.core.removal import describe_counts

    show(f"Removing {what} ends: {describe_counts(shown.counts)}.", err=True)
    if any(shown.kept.values()):
        show(f"Created by them, and stays valid: {describe_counts(shown.kept)}.", err=True)
    for token in shown.tokens:
        scope = f"{token.organization}/{token.project}" if token.project else token.organization
        show(f"  API token {clean(token.name)} in {clean(scope)}", err=True)
    if yes:
        return
    if not can_ask():
        raise UsageError("a removal cannot be undone, and nobody is here to be asked", hint="add --yes")
    if ask(f"Remove {what} for good? Type {shown.name} to go on: ") != shown.name:
        raise Cancelled("nothing was removed")


def _report(where: dict[str, str], done: str, shown: "RemovalPreview", as_json: bool) -> None:
    if as_json:
        left = {"left": _shape(shown.kept)} if shown.kept else {}
        show_json(where | {"removed": True, "ended": _shape(shown.counts)} | left)
        return
    from app.server.core.removal import describe_counts

    show(f"{done}. Ended: {describe_counts(shown.counts)}.")


def _shape(counts: Mapping[str, int]) -> dict[str, int]:
    return {_JSON.get(name, name): count for name, count in counts.items()}
