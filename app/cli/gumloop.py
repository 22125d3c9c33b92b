"""The group `loopin gumloop`, and its smaller commands: logout, status, teams."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from app.cli import exit_codes, serializers
from app.cli.groups import Entry, LazyGroup, Leaf
from app.cli.options import gumloop_options, gumloop_shared
from app.cli.output import show, show_json, table
from app.cli.runtime import run
from app.cli.sign_out_output import conclude, nothing_forgotten

if TYPE_CHECKING:
    # Loaded on first use: help needs no services.
    from app.bootstrap import Container
    from app.domain.login import SignedOut
    from app.services.gumloop_teams import TeamList

gumloop = LazyGroup(
    "gumloop",
    help="Gumloop: sign in, teams. A login here is a login for the gumloop command, and the other way round.",
    params=gumloop_options(hidden=True),
    entries=(
        Entry("login", "app.cli.gumloop_login:login", "Sign in: OAuth in the browser, API key, access token"),
        Entry("logout", "app.cli.gumloop:logout", "Sign out, here and at the server"),
        Entry("status", "app.cli.gumloop:status", "Who is signed in, and which credential is in effect"),
        Entry("teams", "app.cli.gumloop:teams", "List your teams, or choose one"),
    ),
)


@click.command("logout", cls=Leaf)
@click.option("--all-profiles", is_flag=True, help="Sign out every profile, not just the one in use.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@gumloop_shared
@click.pass_context
def logout(ctx: click.Context, all_profiles: bool, as_json: bool) -> int:
    """Sign out: revoke the login at the server and clear every entry in the keychain."""
    found = run(ctx, lambda container: _sign_out(container, all_profiles))
    if as_json:
        show_json(_farewell_json(found, all_profiles))
    else:
        for name, done in found.items():
            show(_farewell(done, f"{name}: " if all_profiles else ""))
    return conclude(found.values())


async def _sign_out(container: "Container", all_profiles: bool) -> "dict[str, SignedOut]":
    service = container.gumloop_sign_out
    if all_profiles:
        return await service.everything()
    return {container.settings.gumloop.profile: await service.do()}


def _farewell(done: "SignedOut", who: str) -> str:
    if not done.forgotten:
        return f"{who}{nothing_forgotten(done)}"
    server = "revoked" if done.ended_at_server else "not revoked" if done.warning else "nothing to revoke"
    return f"{who}Here: forgotten. Server: {server}."


def _farewell_json(found: "dict[str, SignedOut]", all_profiles: bool) -> serializers.Shape:
    shape: serializers.Shape = {
        "status": "ok",
        "oauth_revoked": any(d.ended_at_server for d in found.values()),
    }
    if any(done.warning for done in found.values()):
        shape["oauth_revoke_failed"] = True
    if all_profiles:
        shape["profiles"] = [name for name, done in found.items() if done.forgotten]
    return shape


@click.command("status", cls=Leaf)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@gumloop_shared
@click.pass_context
def status(ctx: click.Context, as_json: bool) -> int:
    """Say who is signed in where, until when, and which credential is in effect.

    Exits with 3 when nobody is signed in.
    """
    found = run(ctx, lambda container: container.gumloop_status.do())
    if as_json:
        show_json(serializers.status(found))
    else:
        from app.cli.status import candidates, describe

        show(describe(found, datetime.now(UTC)))
        if found.candidates:
            show(f"\n{candidates([found])}")
    return exit_codes.DONE if serializers.is_signed_in(found) else exit_codes.SIGNED_OUT


@click.command("teams", cls=Leaf)
@click.option("--use", metavar="ID", help="Work in this team from now on, with the stored login.")
@click.option("--use-none", is_flag=True, help="Work in no team from now on.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@gumloop_shared
@click.pass_context
def teams(ctx: click.Context, use: str | None, use_none: bool, as_json: bool) -> None:
    """List your teams; the one that requests are scoped to is marked."""
    chosen = "" if use_none else use
    found = run(ctx, lambda container: _teams(container, chosen))
    if as_json:
        listed = [{"id": team.id, "name": team.name} for team in found.teams]
        show_json({"teams": listed, "team_id": found.in_use or None})
    elif not found.teams:
        show("You are in no team.")
    else:
        rows = [("▸" if team.id == found.in_use else "", team.id, team.name) for team in found.teams]
        show(table(("", "ID", "NAME"), rows))


async def _teams(container: "Container", chosen: str | None) -> "TeamList":
    if chosen is not None:
        await container.choose_team.do(chosen)
    return await container.list_teams.do()
