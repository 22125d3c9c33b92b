"""`loopin chainloop keyless inspect | snippet`."""

from datetime import UTC, datetime
from typing import Any

import click

from app.cli import exit_codes
from app.cli.groups import Leaf
from app.cli.options import chainloop_options, flags, output_option
from app.cli.output import moment, pairs, show, show_json, stamp
from app.cli.runtime import run
from app.domain.ci import CISystem
from app.domain.errors import TokenRejected
from app.domain.keyless import AUDIENCE, MAY, MAY_NOT, NOT_STORED, CIIdentity, job_snippet
from app.domain.login import SignedIn
from app.services.login.chainloop_keyless import Inspection

_LIMITS = [("May", "; ".join(MAY)), ("May not", "; ".join(MAY_NOT))]


@click.command("inspect", cls=Leaf, shared=chainloop_options())
@output_option("table", "json")
@click.pass_context
def inspect(ctx: click.Context, output: str) -> int:
    """Verify this CI job's identity token and show what it says. Exit code 0 only for a valid one."""
    inspection = run(ctx, lambda container: container.keyless.inspect_identity())
    now = datetime.now(UTC)
    if output == "json":
        show_json(_to_json(inspection, now))
    elif inspection.identity is not None:
        show(_describe(inspection.identity, now))
    if inspection.error is None:
        return exit_codes.DONE
    if output == "json":
        # The reason is in the JSON; the code says it to a script that does not read it.
        return exit_codes.code_of(inspection.error)
    raise inspection.error


@click.command("snippet", cls=Leaf, shared=chainloop_options())
@click.option(
    "--system",
    type=click.Choice([system.value for system in CISystem]),
    default=CISystem.GITLAB.value,
    help="The CI system that runs the job. [gitlab]",
)
@click.option("--project", default="", metavar="PROJECT", help="The project in the job's commands.")
@output_option("text", "json")
@click.pass_context
def snippet(ctx: click.Context, system: str, project: str, output: str) -> None:
    """Print a job that needs no API token, ready to paste into the CI file."""
    organization = flags(ctx).get("chainloop_organization") or ""
    text = job_snippet(CISystem(system), organization, project)
    if output == "json":
        show_json({"system": system, "snippet": text})
    else:
        click.echo(text, nl=False)


def describe_job_login(result: SignedIn) -> list[tuple[str, str]]:
    """What is printed after `auth login --keyless`."""
    return [
        ("Signed in as", result.identity),
        ("Organization", result.organization or "not told by this control plane"),
        ("Server", result.endpoint),
        ("Until", moment(result.expires_at)),
        ("Stored", NOT_STORED),
        *_LIMITS,
    ]


def _describe(identity: CIIdentity, now: datetime) -> str:
    facts = [
        ("System", identity.system.title),
        ("Project", identity.project),
        ("Ref", identity.ref),
        ("Workflow", identity.workflow),
        ("Runner", identity.runner),
        ("Subject", identity.subject),
        ("Issuer", identity.issuer),
        ("Audience", AUDIENCE),
        ("Ends", f"{moment(identity.expires_at)}, in {_left(identity, now)}"),
    ]
    return pairs([*((name, value or "not told") for name, value in facts), *_LIMITS])


def _left(identity: CIIdentity, now: datetime) -> str:
    seconds = int(identity.left(now).total_seconds())
    return f"{seconds // 60} min {seconds % 60} s" if seconds >= 60 else f"{seconds} s"


def _to_json(inspection: Inspection, now: datetime) -> dict[str, Any]:
    system = inspection.availability.system
    shape: dict[str, Any] = {"valid": inspection.error is None, "system": system.value if system else None}
    if inspection.error is not None:
        code = inspection.error.code if isinstance(inspection.error, TokenRejected) else "unavailable"
        return shape | {"code": code, "reason": inspection.error.message, "next": inspection.error.hint}
    identity = inspection.identity
    if identity is None:
        return shape
    return shape | {
        "issuer": identity.issuer,
        "audience": AUDIENCE,
        "subject": identity.subject,
        "project": identity.project,
        "ref": identity.ref,
        "workflow": identity.workflow,
        "runner": identity.runner,
        "expires_at": stamp(identity.expires_at),
        "seconds_left": int(identity.left(now).total_seconds()),
        "may": list(MAY),
        "may_not": list(MAY_NOT),
    }
