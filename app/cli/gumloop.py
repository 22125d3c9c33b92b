"""`loopin gumloop login | logout | status | teams`."""

import asyncio
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import click

from app.cli import debug, exit_codes, serializers
from app.cli.groups import Entry, LazyGroup, Leaf
from app.cli.login_output import (
    LoginView,
    describe_nothing_forgotten,
    finish_sign_out,
    paste_from,
    print_problems,
    print_signed_in,
)
from app.cli.options import gumloop_options, settings_flags
from app.cli.output import show, show_json, table
from app.cli.runtime import invocation, run
from app.cli.status import exit_code, print_statuses
from app.cli.terminal import ask, ask_hidden, can_ask, read_piped
from app.domain import inputs
from app.domain.credentials import Method
from app.domain.errors import UsageError
from app.domain.gumloop import API_KEY_PAGE, CALLBACK_PORT, USER_ID_PAGE

if TYPE_CHECKING:
    # Loaded on first use: help needs no services.
    from app.bootstrap import Container
    from app.domain.login import SignedIn, SignedOut
    from app.services.login.browser import BrowserOptions
    from app.services.teams import TeamList

gumloop = LazyGroup(
    "gumloop",
    help="Gumloop: sign in, teams. A login here is a login for the gumloop command, and the other way round.",
    params=gumloop_options(hidden=True),
    entries=(
        Entry("login", "app.cli.gumloop:login", "Sign in: OAuth in the browser, API key, access token"),
        Entry("logout", "app.cli.gumloop:logout", "Sign out, here and at the server"),
        Entry("status", "app.cli.gumloop:status", "Who is signed in, and which credential is in effect"),
        Entry("teams", "app.cli.gumloop:teams", "List your teams, or choose one"),
    ),
)
_METHODS = {"oauth": Method.OAUTH, "api-key": Method.API_KEY, "api_key": Method.API_KEY}


@dataclass(frozen=True, slots=True)
class _LoginOptions:
    """What the command line says, before anything is read or asked for."""

    method: str | None
    api_key: str | None
    user_id: str | None
    access_token: str | None
    port: int | None
    no_browser: bool

    def resolve_method(self) -> Method | None:
        """The way to sign in; None when nothing says which. Raise UsageError for a contradiction."""
        if self.api_key is not None and self.access_token is not None:
            raise UsageError("an API key and an access token are two logins", hint="give one of them")
        named = _METHODS[self.method] if self.method else None
        given = Method.API_KEY if self.api_key is not None else None
        given = Method.ACCESS_TOKEN if self.access_token is not None else given
        if given is Method.ACCESS_TOKEN and named is Method.OAUTH:
            return given
        if named and given and named is not given:
            raise UsageError(
                f"--method {self.method} does not go with the credential that is given",
                hint="leave --method out: the credential says how",
            )
        for_browser = Method.OAUTH if self.no_browser or self.port is not None else None
        return given or named or (Method.API_KEY if self.user_id else for_browser)


@click.command("login", cls=Leaf, shared=gumloop_options())
@click.option("--method", type=click.Choice(list(_METHODS)), metavar="oauth|api-key", help="How to sign in.")
@click.option("--api-key", metavar="KEY", help="Sign in with this API key; - reads it from standard input.")
@click.option("--user-id", metavar="ID", help="The user ID that the API key belongs to.")
@click.option(
    "--access-token", metavar="TOKEN", help="Sign in with this access token; - reads it from standard input."
)
@click.option(
    "--callback-port",
    "port",
    type=click.IntRange(0, 65535),
    metavar="PORT",
    help=f"Port for the browser's answer; 0 takes any free one. [{CALLBACK_PORT}]",
)
@click.option("--no-browser", is_flag=True, help="Print the address instead of opening a browser.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def login(
    ctx: click.Context,
    method: str | None,
    api_key: str | None,
    user_id: str | None,
    access_token: str | None,
    port: int | None,
    no_browser: bool,
    as_json: bool,
) -> int:
    """Sign in to Gumloop and store the login in the keychain, where the gumloop command finds it too.

    In a terminal and without a method, the app opens on its login screen.
    """
    from app.services.login.browser import BrowserOptions
    from app.services.sign_out import variable_in_effect

    options = _LoginOptions(method, api_key, user_id, access_token, port, no_browser)
    chosen = options.resolve_method()
    if chosen is None:
        return _open_app(ctx, as_json)
    view = LoginView(quiet=as_json, without="", attended=can_ask() or bool(port))
    if chosen is Method.OAUTH:
        browser = BrowserOptions(CALLBACK_PORT if port is None else port, not no_browser)
        result = run(ctx, lambda container: _sign_in_with_browser(container, view, browser))
    elif chosen is Method.API_KEY:
        key, user = _read_key(options)
        result = run(ctx, lambda c: view.watch(partial(c.gumloop_login_store.sign_in_with_key, key, user)))
    else:
        token = _read_secret(access_token or "", "access token", "--access-token")
        result = run(ctx, lambda c: view.watch(partial(c.gumloop_login_store.sign_in_with_token, token)))
    # The container stays open meanwhile: closing it waits for the browser's last page.
    _print_signed_in(result, as_json)
    print_problems(result, variable_in_effect(invocation(ctx).open(ctx).settings.gumloop))
    return exit_codes.DONE


def _open_app(ctx: click.Context, as_json: bool) -> int:
    if as_json or not can_ask():
        raise UsageError("nothing says how to sign in", hint="add --method oauth or --method api-key")
    from app.cli.start import open_app

    return open_app(settings_flags(ctx), "login:gumloop")


async def _sign_in_with_browser(
    container: "Container", view: LoginView, options: "BrowserOptions"
) -> "SignedIn":
    answers: asyncio.Queue[str] = asyncio.Queue()
    sign_in = container.gumloop_browser_sign_in().sign_in
    async with paste_from(answers, headless=False, terminal=can_ask(), view=view):
        return await view.watch(partial(sign_in, options, answers))


def _read_key(options: _LoginOptions) -> tuple[str, str]:
    """The API key and its user ID, from flags, standard input or questions."""
    if options.api_key is not None:
        key = _read_secret(options.api_key, "API key", "--api-key")
    elif can_ask():
        show(f"Make an API key at {API_KEY_PAGE} (needs the Pro plan or above).", err=True)
        answer = ask_hidden("API key: ")
        key = answer.reveal() if answer else ""
    else:
        raise UsageError("no API key is given", hint="pipe it in with: --api-key - --user-id ID")
    debug.hide(key)
    user = inputs.read_text(options.user_id or "", "--user-id")
    if not user and can_ask():
        show(f"Your user ID is shown at {USER_ID_PAGE}.", err=True)
        user = inputs.read_text(ask("User ID: "), "the user ID")
    if not user:
        raise UsageError(
            "an API key needs the user ID it belongs to", hint=f"add --user-id ID; see {USER_ID_PAGE}"
        )
    return key, user


def _read_secret(value: str, what: str, flag: str) -> str:
    if value == "-":
        return read_piped(f"the {what}").reveal()
    if (secret := inputs.read_secret(value, flag)) is None:
        raise UsageError(f"{flag} is empty", hint=f"give the {what}, or - to read it from standard input")
    debug.hide(secret.reveal())
    show(
        f"The {what} on the command line stays in the shell's history and shows in /proc and the list of "
        f"processes; {flag} - reads it from standard input.",
        err=True,
    )
    return secret.reveal()


def _print_signed_in(result: "SignedIn", as_json: bool) -> None:
    by_key = result.method is Method.API_KEY
    if as_json:
        kind = "api_key" if by_key else "oauth"
        show_json({"status": "ok", "auth_method": kind, "base_url": result.endpoint})
        return
    facts = [("Signed in", result.identity or f"with {result.method.title}")]
    if result.organization:
        facts.append(("Organization", result.organization))
    print_signed_in(result, facts, no_end="no end" if by_key else "not known")


@click.command("logout", cls=Leaf, shared=gumloop_options())
@click.option("--all-profiles", is_flag=True, help="Sign out every profile, not just the one in use.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def logout(ctx: click.Context, all_profiles: bool, as_json: bool) -> int:
    """Sign out: revoke the login at the server and clear every entry in the keychain."""
    results = run(ctx, lambda container: _sign_out(container, all_profiles))
    if as_json:
        show_json(_sign_out_json(results, all_profiles))
    else:
        for name, result in results.items():
            who = f"{name}: " if all_profiles else ""
            show(f"{who}{_sign_out_text(result) if result.forgotten else describe_nothing_forgotten(result)}")
    return finish_sign_out(results.values())


async def _sign_out(container: "Container", all_profiles: bool) -> "dict[str, SignedOut]":
    service = container.gumloop_sign_out
    if all_profiles:
        return await service.sign_out_all()
    return {container.settings.gumloop.profile: await service.sign_out()}


def _sign_out_text(result: "SignedOut") -> str:
    server = "revoked" if result.ended_at_server else "not revoked" if result.warning else "nothing to revoke"
    return f"Here: forgotten. Server: {server}."


def _sign_out_json(results: "dict[str, SignedOut]", all_profiles: bool) -> serializers.Shape:
    shape: serializers.Shape = {
        "status": "ok",
        "oauth_revoked": any(result.ended_at_server for result in results.values()),
    }
    if any(result.warning for result in results.values()):
        shape["oauth_revoke_failed"] = True
    if all_profiles:
        shape["profiles"] = [name for name, result in results.items() if result.forgotten]
    return shape


@click.command("status", cls=Leaf, shared=gumloop_options())
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def status(ctx: click.Context, as_json: bool) -> int:
    """Say who is signed in where, until when, and which credential is in effect.

    Exits with 3 when nobody is signed in.
    """
    item = run(ctx, lambda container: container.gumloop_status.read_status())
    if as_json:
        show_json(serializers.status(item))
    else:
        print_statuses([item])
    return exit_code([item])


@click.command("teams", cls=Leaf, shared=gumloop_options())
@click.option("--use", metavar="ID", help="Work in this team from now on, with the stored login.")
@click.option("--use-none", is_flag=True, help="Work in no team from now on.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def teams(ctx: click.Context, use: str | None, use_none: bool, as_json: bool) -> None:
    """List your teams; the one that requests are scoped to is marked."""
    team_list = run(ctx, lambda container: _list_teams(container, "" if use_none else use))
    if as_json:
        teams_json = [{"id": team.id, "name": team.name} for team in team_list.teams]
        show_json({"teams": teams_json, "team_id": team_list.in_use or None})
    elif not team_list.teams:
        show("You are in no team.")
    else:
        rows = [("▸" if team.id == team_list.in_use else "", team.id, team.name) for team in team_list.teams]
        show(table(("", "ID", "NAME"), rows))


async def _list_teams(container: "Container", chosen: str | None) -> "TeamList":
    if chosen is not None:
        await container.teams.choose_team(chosen)
    return await container.teams.list_teams()
