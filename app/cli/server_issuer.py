"""`loopin server issuer add | list | remove`: the CI systems that an organization trusts."""

from typing import TYPE_CHECKING, Any

import click

from app.cli.output import in_table, stamp
from app.cli.server_command import (
    Output,
    database_command,
    list_output,
    operator,
    organization_filter,
    organization_option,
    output_option,
)
from app.domain.errors import Refused, UsageError
from app.domain.event_loop import run_to_end
from app.domain.keyless import AUDIENCE

if TYPE_CHECKING:
    # At run time they are imported when a command runs: they belong to the extra `server`.
    from app.server.core.trusted_issuers import IssuerDetails
    from app.server.persistence.engine import Database


@database_command("add")
@organization_option("The organization that trusts it.")
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
@output_option
def add(
    database: "Database",
    organization: str,
    url: str,
    audience: str,
    claims: tuple[str, ...],
    project: str,
    private_network: bool,
    no_check: bool,
) -> Output:
    """Trust jobs of a CI system. Running servers use it at once."""
    from app.server.core.trusted_issuers import NewIssuer, TrustedIssuers, parse_conditions

    new = NewIssuer(organization, url, audience, parse_conditions(claims), project, private_network)
    if not no_check:
        _check_discovery(url, private_network)
    added = TrustedIssuers(database).add_issuer(operator(), new)
    return Output(
        _issuer_json(added),
        f"{organization} trusts {url}: {_describe_conditions(added)}. Its id is {added.issuer.id}.",
    )


@database_command("list")
@organization_filter()
@output_option
def list_(database: "Database", organization: str) -> Output:
    """List the trusted issuers."""
    from app.server.core.trusted_issuers import TrustedIssuers

    return list_output(
        TrustedIssuers(database).list_issuers(organization),
        _issuer_json,
        ("ID", "ORGANIZATION", "ISSUER", "AUDIENCE", "CONDITIONS", "ADDED (UTC)"),
        lambda details: (
            str(details.issuer.id),
            details.organization,
            details.issuer.url,
            details.issuer.audience,
            _describe_conditions(details),
            in_table(details.issuer.created_at),
        ),
        "No CI system is trusted. Add one with: loopin server issuer add",
    )


@database_command("remove")
@click.option("--id", "issuer_id", required=True, metavar="ID", help="Its id, as listed.")
@output_option
def remove(database: "Database", issuer_id: str) -> Output:
    """Trust a CI system no longer, from the next call on."""
    from app.server.core.trusted_issuers import TrustedIssuers

    TrustedIssuers(database).remove_issuer(operator(), issuer_id)
    return Output({"id": issuer_id, "removed": True}, "Removed. Its jobs are refused from now on.")


def _check_discovery(url: str, private: bool) -> None:
    from app.oidc.discovery import read_keys
    from app.oidc.http import Fetcher
    from app.oidc.url_policy import server_policy

    try:
        run_to_end(read_keys(url, Fetcher(server_policy(development=True, private=private))))
    except Refused as error:
        raise UsageError(error.message, hint="if that is your own network: --private-network") from error


def _describe_conditions(details: "IssuerDetails") -> str:
    conditions = ", ".join(f"{name}={pattern}" for name, pattern in details.issuer.claims.items())
    return f"{conditions}, project {details.project}" if details.project else conditions


def _issuer_json(details: "IssuerDetails") -> dict[str, Any]:
    issuer = details.issuer
    return {
        "id": str(issuer.id),
        "organization": details.organization,
        "url": issuer.url,
        "audience": issuer.audience,
        "claims": dict(issuer.claims),
        "project": details.project or None,
        "private_network": issuer.allow_private,
        "created_at": stamp(issuer.created_at),
    }
