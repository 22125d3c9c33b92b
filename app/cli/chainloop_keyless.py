"""`loopin chainloop keyless inspect | snippet`, and `loopin chainloop auth login --keyless`."""

from datetime import UTC, datetime
from typing import Any

import click

from app.cli import exit_codes
from app.cli.groups import Leaf
from app.cli.login_output import LoginView
from app.cli.options import flags, output_option, shared
from app.cli.output import moment, pairs, show, show_json, stamp
from app.cli.runtime import run
from app.domain.ci import CISystem
from app.domain.errors import TokenRejected, UsageError
from app.domain.keyless import AUDIENCE, MAY, MAY_NOT, NOT_STORED, CIIdentity, job_snippet
from app.domain.login import SignedIn
from app.services.keyless import Inspection


@click.command("inspect", cls=Leaf)
@output_option("table", "json")
@shared
@click.pass_context
def inspect(ctx: click.Context, output: str) -> int:
    """Verify this CI job's identity token and show what it says. Exit code 0 only for a valid one."""
    found = run(ctx, lambda container: container.inspect_keyless.do())
    now = datetime.now(UTC)
    if output == "json":
        show_json(_shape(found, now))
    elif found.identity is not None:
        show(_described(found.identity, now))
    if found.error is None:
        return exit_codes.DONE
    if output == "json":
        # The reason is in the JSON; the code says it to a script that does not read it.
        return exit_codes.code_of(found.error)
    raise found.error


@click.command("snippet", cls=Leaf)
@click.option(
    "--system",
    type=click.Choice([system.value for system in CISystem]),
    default=CISystem.GITLAB.value,
    help="The CI system that runs the job. [gitlab]",
)
@click.option("--project", default="", metavar="PROJECT", help="The project in the job's commands.")
@output_option("text", "json")
@shared
@click.pass_context
def snippet(ctx: click.Context, system: str, project: str, output: str) -> None:
    """Print a job that needs no API token, ready to paste into the CI file."""
    organization = flags(ctx).get("chainloop_organization") or ""
    text = job_snippet(CISystem(system), organization, project)
    if output == "json":
        show_json({"system": system, "snippet": text})
    else:
        click.echo(text, nl=False)


def log_in(ctx: click.Context, output: str, excluded: dict[str, bool]) -> int:
    """`auth login --keyless`: prove it now, store nothing. `excluded` flags make no sense with it."""
    if given := [name for name, is_given in excluded.items() if is_given]:
        raise UsageError(f"--keyless and {given[0]} exclude each other", hint="give one of them")
    view = LoginView(quiet=output == "json")
    from app.cli import serializers

    result = run(ctx, lambda container: view.watch(container.chainloop_keyless_login().do()))
    if output == "json":
        show_json(serializers.signed_in(result))
    else:
        show(_welcome(result))
    return exit_codes.DONE


def _welcome(done: SignedIn) -> str:
    facts = [
        ("Signed in as", done.identity),
        ("Organization", done.organization or "not told by this control plane"),
        ("Server", done.endpoint),
        ("Until", moment(done.expires_at)),
        ("Stored", NOT_STORED),
    ]
    return pairs([*facts, *_limits()])


def _described(identity: CIIdentity, now: datetime) -> str:
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
    return pairs([*((name, value or "not told") for name, value in facts), *_limits()])


def _limits() -> list[tuple[str, str]]:
    return [("May", "; ".join(MAY)), ("May not", "; ".join(MAY_NOT))]


def _left(identity: CIIdentity, now: datetime) -> str:
    seconds = int(identity.left(now).total_seconds())
    return f"{seconds // 60} min {seconds % 60} s" if seconds >= 60 else f"{seconds} s"


def _shape(found: Inspection, now: datetime) -> dict[str, Any]:
    system = found.availability.system
    shape: dict[str, Any] = {"valid": found.error is None, "system": system.value if system else None}
    if found.error is not None:
        code = found.error.code if isinstance(found.error, TokenRejected) else "unavailable"
        return shape | {"code": code, "reason": found.error.message, "next": found.error.hint}
    identity = found.identity
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
