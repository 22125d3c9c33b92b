"""`loopin status`: which credential is in effect at each provider, and why."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from app.cli import exit_codes, serializers
from app.cli.groups import Leaf
from app.cli.options import chainloop_options, output_option
from app.cli.output import DIM, GREEN, YELLOW, columns, fitted, moment, paint, show, show_json
from app.cli.runtime import run
from app.domain.credentials import profile_words
from app.domain.errors import LoopinError
from app.domain.status import ProviderStatus
from app.domain.text import clean
from app.domain.vendor_login import IMPORT

if TYPE_CHECKING:
    # Loaded on first use: help needs no services.
    from app.bootstrap import Container


@click.command("status", cls=Leaf, shared=chainloop_options())
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--offline", is_flag=True, help="Ask no server: say what is set and stored here.")
@output_option("table", "json")
@click.pass_context
def status(ctx: click.Context, as_json: bool, offline: bool, output: str) -> int:
    """Say who is signed in where, until when, and which credential is in effect.

    Exits with 3 when no provider is signed in.
    """
    statuses, notices = run(ctx, lambda container: _read_status(container, online=not offline))
    if as_json or output == "json":
        show_json({"providers": [serializers.status(item) for item in statuses]})
    else:
        print_statuses(statuses)
    for line in notices:
        show(f"loopin: {line}", err=True)
    return exit_code(statuses)


def print_statuses(statuses: Sequence[ProviderStatus]) -> None:
    """A paragraph for each provider, and the table of their credentials."""
    now = datetime.now(UTC)
    show("\n\n".join(_describe(item, now) for item in statuses))
    if any(item.candidates for item in statuses):
        show(f"\n{_candidates_table(statuses)}")


def exit_code(statuses: Sequence[ProviderStatus]) -> int:
    """0 when somebody is signed in at one of them, else 3."""
    signed_in = any(serializers.is_signed_in(item) for item in statuses)
    return exit_codes.DONE if signed_in else exit_codes.SIGNED_OUT


async def _read_status(
    container: "Container", *, online: bool
) -> tuple[Sequence[ProviderStatus], tuple[str, ...]]:
    """The status, and what an earlier run left unfinished, a line each."""
    statuses = await container.status.read_statuses(online=online)
    if online:
        statuses = await container.status.probe_organization(statuses)
    try:
        # Most runs find none, and load nothing that could end them.
        if not await container.activity_log.interrupted():
            return statuses, ()
        revocations = await container.interrupted.list_revocations()
    except LoopinError:
        return statuses, ()
    lines = [
        f"interrupted {moment(one.entry.at)}, revoking {one.entry.subject}: {one.words}"
        for one in revocations
    ]
    if lines:
        lines.append("what became of them: loopin chainloop organization api-token list")
    return statuses, tuple(map(clean, lines))


def _describe(item: ProviderStatus, now: datetime) -> str:
    """A few lines about one provider."""
    signed_in = serializers.is_signed_in(item)
    glyph = paint("●", GREEN) if signed_in else paint("○", DIM)
    lines = [f"{glyph} {item.provider.title}  {_headline(item, signed_in)}"]
    lines += [f"    {line}" for line in columns(_facts(item, signed_in, now))]
    problems = [*item.warnings, *([_problem(item)] if item.error else [])]
    problems += _vendor_login(item)
    return "\n".join([*lines, *(f"  {paint('!', YELLOW)} {clean(line)}" for line in problems)])


def _vendor_login(item: ProviderStatus) -> list[str]:
    """A login in plain text, and how it gets into the keychain."""
    if item.vendor_login is None:
        return []
    until = moment(item.vendor_login.expires_at)
    take_over = f"{IMPORT}{profile_words(item.profile)[1]}"
    return [f"{item.vendor_login.words(until)}; take it over into the keychain with: {take_over}"]


def _headline(item: ProviderStatus, signed_in: bool) -> str:
    if not signed_in:
        return "not signed in"
    return (clean(item.identity.name) if item.identity else "") or "signed in"


def _problem(item: ProviderStatus) -> str:
    if item.error is None:
        return ""
    return f"{item.error.message}; {item.error.hint}" if item.error.hint else item.error.message


def _facts(item: ProviderStatus, signed_in: bool, now: datetime) -> Sequence[tuple[str, str]]:
    facts = [("profile", item.profile), ("server", item.endpoint)]
    if not signed_in:
        return facts
    identity = item.identity
    if identity is not None and identity.organization:
        role = f" · {identity.role.value}" if identity.role else ""
        facts.append(("organization", f"{identity.organization}{role}"))
    if item.team_id:
        facts.append(("team", item.team_id))
    facts.append(("method", item.method.title if item.method else ""))
    facts.append(("until", _until(item, now)))
    if item.stored_in:
        facts.append(("stored in", item.stored_in))
    return facts


def _until(item: ProviderStatus, now: datetime) -> str:
    end = item.expires_at
    if end is None:
        return "no end" if item.method is None or item.method.tells_its_end else "not known"
    if item.renews:
        return f"renewed automatically at {moment(end)}"
    import humanize

    return f"{moment(end)} ({humanize.naturaltime(end, when=now)})"


def _candidates_table(statuses: Sequence[ProviderStatus]) -> str:
    """The table of every place a credential could come from."""
    rows = [
        (
            item.provider.title,
            "▸" if candidate.in_effect else "",
            candidate.label,
            candidate.method.title if candidate.method and candidate.found else "",
            candidate.hint,
            candidate.reason,
        )
        for item in statuses
        for candidate in item.candidates
    ]
    headers = ("PROVIDER", "", "CREDENTIAL", "KIND", "SECRET", "WHY")
    return fitted(headers, rows, ("PROVIDER", "", "CREDENTIAL", "WHY", "SECRET", "KIND"))
