"""`loopin server user remove`, `server org remove` and `server project remove`."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import click

from app.cli.output import show
from app.cli.server_command import (
    Output,
    database_command,
    email_argument,
    name_argument,
    operator,
    organization_option,
)
from app.cli.terminal import ask, can_ask
from app.domain.errors import Cancelled, UsageError
from app.domain.text import clean

if TYPE_CHECKING:
    # At run time they are imported when a command runs: they belong to the extra `server`.
    from app.server.core.removal import RemovalPreview
    from app.server.persistence.engine import Database

_yes = click.option("-y", "--yes", is_flag=True, help="Do not ask for confirmation.")
_JSON_NAMES = {
    "grants": "programs",
    "project_roles": "projectRoles",
    "tokens": "apiTokens",
    "team_keys": "teamKeys",
}


@database_command("remove")
@email_argument
@_yes
def remove_user(database: "Database", email: str, yes: bool) -> Output:
    """Remove a person for good. Shows what ends and asks first; without a terminal, --yes is needed.

    API tokens that they created and keys that they created for teams stay valid. The last owner of an
    organization cannot be removed. To keep somebody out, `disable` is enough.
    """
    from app.server.core.removal import Removal

    removal = Removal(database)
    shown = removal.preview_user(email)
    _confirm(f"the person {shown.name}", shown, yes)
    removal.remove_user(operator(), shown)
    return _output({"email": shown.name}, f"Removed {shown.name}", shown)


@database_command("remove")
@name_argument
@_yes
def remove_organization(database: "Database", name: str, yes: bool) -> Output:
    """Remove an organization for good. Shows what ends and asks first; without a terminal, --yes is needed.

    Its members keep their accounts on this server. Its name cannot be used again.
    """
    from app.server.core.removal import Removal

    removal = Removal(database)
    shown = removal.preview_organization(name)
    _confirm(f"the organization {shown.name}", shown, yes)
    removal.remove_organization(operator(), shown)
    return _output({"organization": shown.name}, f"Removed {shown.name}", shown)


@database_command("remove")
@name_argument
@organization_option("The project's organization.")
@_yes
def remove_project(database: "Database", name: str, organization: str, yes: bool) -> Output:
    """Remove a project for good. Shows what ends and asks first; without a terminal, --yes is needed.

    Its API tokens end with it.
    """
    from app.server.core.removal import Removal

    removal = Removal(database)
    shown = removal.preview_project(organization, name)
    _confirm(f"the project {shown.name} of {organization}", shown, yes)
    removal.remove_project(operator(), shown)
    fields = {"organization": organization, "project": shown.name}
    return _output(fields, f"Removed project {shown.name} of {organization}", shown)


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


def _output(fields: dict[str, str], text: str, shown: "RemovalPreview") -> Output:
    from app.server.core.removal import describe_counts

    left = {"left": _counts_json(shown.kept)} if shown.kept else {}
    return Output(
        fields | {"removed": True, "ended": _counts_json(shown.counts)} | left,
        f"{text}. Ended: {describe_counts(shown.counts)}.",
    )


def _counts_json(counts: Mapping[str, int]) -> dict[str, int]:
    return {_JSON_NAMES.get(name, name): count for name, count in counts.items()}
