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
    found, left = run(ctx, lambda container: _look(container, online=not offline))
    if as_json or output == "json":
        show_json({"providers": [serializers.status(item) for item in found]})
    else:
        show("\n\n".join(describe(item, datetime.now(UTC)) for item in found))
        if any(item.candidates for item in found):
            show(f"\n{candidates(found)}")
    for line in left:
        show(f"loopin: {line}", err=True)
    return exit_codes.DONE if any(serializers.is_signed_in(item) for item in found) else exit_codes.SIGNED_OUT


async def _look(container: "Container", *, online: bool) -> tuple[Sequence[ProviderStatus], tuple[str, ...]]:
    """The status, and what an earlier run left unfinished, a line each."""
    found = await container.status.read_statuses(online=online)
    if online:
        found = await container.status.probe_organization(found)
    try:
        # Most runs find none, and load nothing that could end them.
        if not await container.activity_log.interrupted():
            return found, ()
        left = await container.interrupted.list_revocations()
    except LoopinError:
        return found, ()
    lines = [f"interrupted {moment(one.entry.at)}, revoking {one.entry.subject}: {one.words}" for one in left]
    ask = ["what became of them: loopin chainloop organization api-token list"] if lines else []
    return found, tuple(clean(line) for line in (*lines, *ask))


def describe(item: ProviderStatus, now: datetime) -> str:
    """A few lines about one provider, as it is `now`."""
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


def candidates(found: Sequence[ProviderStatus]) -> str:
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
        for item in found
        for candidate in item.candidates
    ]
    headers = ("PROVIDER", "", "CREDENTIAL", "KIND", "SECRET", "WHY")
    return fitted(headers, rows, ("PROVIDER", "", "CREDENTIAL", "WHY", "SECRET", "KIND"))
