"""`loopin server issuer add | list | remove`: the CI systems that an organization trusts."""

from typing import TYPE_CHECKING, Any

import click

from app.cli.groups import Leaf
from app.cli.output import in_table, show, show_json, stamp, table
from app.cli.server_options import database_options, json_option, open_database, operator
from app.domain.errors import Refused, UsageError
from app.domain.event_loop import run_to_end
from app.domain.keyless import AUDIENCE

if TYPE_CHECKING:
    # At run time it is imported when a command runs: it belongs to the extra `server`.
    from app.server.core.trusted_issuers import Trusted


# The commands of Chainloop call it so.
_output = click.option("-o", "--output", type=click.Choice(["table", "json"]), default="table", hidden=True)


@click.command("add", cls=Leaf)
@click.option("--org", "organization", required=True, metavar="ORG", help="The organization that trusts it.")
@click.option(
    "--url",
    required=True,
    metavar="URL",
    help="The issuer as its tokens name it, such as https://gitlab.example.",
)
@click.option(
    "--audience",
    default=AUDIENCE,
    metavar="AUDIENCE",
    help=f"Whom the tokens must be meant for. [{AUDIENCE}]",
)
@click.option(
    "--claim",
    "claims",
    multiple=True,
    metavar="NAME=PATTERN",
    help="What a job's token must say; * stands for any text. At least one; all must fit.",
)
@click.option("--project", default="", metavar="PROJECT", help="Limit the jobs to one project.")
@click.option(
    "--private-network", is_flag=True, help="The issuer lives in a private network, and may be asked there."
)
@click.option("--no-check", is_flag=True, help="Do not ask the issuer now whether it is one.")
@database_options
@json_option
@_output
def add(
    organization: str,
    url: str,
    audience: str,
    claims: tuple[str, ...],
    project: str,
    private_network: bool,
    no_check: bool,
    as_json: bool,
    output: str,
    **place: Any,
) -> None:
    """Trust jobs of a CI system. Running servers use it at once."""
    with open_database(**place) as database:
        from app.server.clock import utc_now
        from app.server.core import issuer_rules
        from app.server.core.trusted_issuers import AddIssuer, Draft

        draft = Draft(organization, url, audience, issuer_rules.parse(claims), project, private_network)
        if not no_check:
            _probe(url, private_network)
        added = AddIssuer(database, utc_now).do(operator(), draft)
    if as_json or output == "json":
        show_json(_shape(added))
    else:
        show(f"{added.organization} trusts {added.url}: {_conditions(added)}. Its id is {added.id}.")


@click.command("list", cls=Leaf)
@click.option("--org", "organization", default="", metavar="ORG", help="Only those of this organization.")
@database_options
@json_option
@_output
def list_(organization: str, as_json: bool, output: str, **place: Any) -> None:
    """List the trusted issuers."""
    with open_database(**place) as database:
        from app.server.core.trusted_issuers import ListIssuers

        found = ListIssuers(database).do(organization)
    if as_json or output == "json":
        show_json([_shape(item) for item in found])
    elif found:
        headers = ("ID", "ORGANIZATION", "ISSUER", "AUDIENCE", "CONDITIONS", "ADDED (UTC)")
        rows = [
            (str(i.id), i.organization, i.url, i.audience, _conditions(i), in_table(i.created_at))
            for i in found
        ]
        show(table(headers, rows))
    else:
        show("No CI system is trusted. Add one with: loopin server issuer add")


@click.command("remove", cls=Leaf)
@click.option("--id", "issuer_id", required=True, metavar="ID", help="Its id, as listed.")
@database_options
@json_option
@_output
def remove(issuer_id: str, as_json: bool, output: str, **place: Any) -> None:
    """Trust a CI system no longer, from the next call on."""
    with open_database(**place) as database:
        from app.server.clock import utc_now
        from app.server.core.trusted_issuers import RemoveIssuer

        RemoveIssuer(database, utc_now).do(operator(), issuer_id)
    if as_json or output == "json":
        show_json({"id": issuer_id, "removed": True})
    else:
        show("Removed. Its jobs are refused from now on.")


def _probe(url: str, private: bool) -> None:
    from app.oidc.discovery import read_keys
    from app.oidc.fetch import Fetcher
    from app.oidc.url_policy import server_reach

    try:
        run_to_end(read_keys(url, Fetcher(server_reach(development=True, private=private))))
    except Refused as error:
        raise UsageError(error.message, hint="if that is your own network: --private-network") from error


def _conditions(item: "Trusted") -> str:
    said = ", ".join(f"{name}={pattern}" for name, pattern in item.claims.items())
    return f"{said}, project {item.project}" if item.project else said


def _shape(item: "Trusted") -> dict[str, Any]:
    return {
        "id": str(item.id),
        "organization": item.organization,
        "url": item.url,
        "audience": item.audience,
        "claims": dict(item.claims),
        "project": item.project or None,
        "private_network": item.allow_private,
        "created_at": stamp(item.created_at),
    }
