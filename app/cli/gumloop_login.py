"""`loopin gumloop login`."""

from collections.abc import Awaitable
from dataclasses import dataclass

import click

from app.bootstrap import Container
from app.cli import debug
from app.cli.groups import Leaf
from app.cli.login_output import LoginView, overruled, paste_from
from app.cli.options import gumloop_shared, settings_flags
from app.cli.output import moment, pairs, show, show_json
from app.cli.runtime import run
from app.cli.terminal import ask, ask_hidden, can_ask, read_piped
from app.domain import inputs
from app.domain.credentials import Method
from app.domain.errors import UsageError
from app.domain.gumloop import API_KEY_PAGE, CALLBACK_PORT, USER_ID_PAGE
from app.domain.login import SignedIn
from app.domain.text import clean
from app.services.gumloop_sign_out import still_in_effect
from app.services.login.round_trip import BrowserLogin

_METHODS = {"oauth": Method.OAUTH, "api-key": Method.API_KEY, "api_key": Method.API_KEY}


@dataclass(frozen=True, slots=True)
class _Asked:
    """What the command line says, before anything is read or asked for."""

    method: str | None
    api_key: str | None
    user_id: str | None
    access_token: str | None
    port: int | None
    no_browser: bool

    def resolve(self) -> Method | None:
        """The way to sign in; None when nothing says which. Raise UsageError for a contradiction."""
        if self.api_key is not None and self.access_token is not None:
            raise UsageError("an API key and an access token are two logins", hint="give one of them")
        named = _METHODS[self.method] if self.method else None
        given = (
            Method.API_KEY
            if self.api_key is not None
            else Method.ACCESS_TOKEN
            if self.access_token is not None
            else None
        )
        if given is Method.ACCESS_TOKEN and named is Method.OAUTH:
            return given
        if named and given and named is not given:
            raise UsageError(
                f"--method {self.method} does not go with the credential that is given",
                hint="leave --method out: the credential says how",
            )
        for_browser = Method.OAUTH if self.no_browser or self.port is not None else None
        return given or named or (Method.API_KEY if self.user_id else for_browser)


@click.command("login", cls=Leaf)
@click.option("--method", type=click.Choice(list(_METHODS)), metavar="oauth|api-key", help="How to sign in.")
@click.option("--api-key", metavar="KEY", help="Sign in with this API key; - reads it from standard input.")
@click.option("--user-id", metavar="ID", help="The user ID that the API key belongs to.")
@click.option(
    "--access-token", metavar="TOKEN", help="Sign in with this access token; - reads it from standard input."
)
@click.option(
    "--callback-port",
    type=click.IntRange(0, 65535),
    metavar="PORT",
    help=f"Port for the browser's answer; 0 takes any free one. [{CALLBACK_PORT}]",
)
@click.option("--no-browser", is_flag=True, help="Print the address instead of opening a browser.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@gumloop_shared
@click.pass_context
def login(
    ctx: click.Context,
    method: str | None,
    api_key: str | None,
    user_id: str | None,
    access_token: str | None,
    callback_port: int | None,
    no_browser: bool,
    as_json: bool,
) -> int:
    """Sign in to Gumloop and store the login in the keychain, where the gumloop command finds it too.

    In a terminal and without a method, the app opens on its login screen.
    """
    asked = _Asked(method, api_key, user_id, access_token, callback_port, no_browser)
    chosen = asked.resolve()
    if chosen is None:
        return _open_app(ctx, as_json)
    view = LoginView(quiet=as_json, without="", attended=can_ask() or bool(callback_port))
    if chosen is Method.OAUTH:
        how = BrowserLogin(CALLBACK_PORT if callback_port is None else callback_port, not no_browser)
        run(ctx, lambda container: _told(container, _browser(container, view, how), as_json))
    elif chosen is Method.API_KEY:
        key, user = _key(asked)
        run(ctx, lambda c: _told(c, view.watch(c.gumloop_key_login().do(key, user)), as_json))
    else:
        token = _secret(access_token or "", "access token", "--access-token")
        run(ctx, lambda c: _told(c, view.watch(c.gumloop_token_login().do(token)), as_json))
    return 0


def _open_app(ctx: click.Context, as_json: bool) -> int:
    if as_json or not can_ask():
        raise UsageError("nothing says how to sign in", hint="add --method oauth or --method api-key")
    from app.cli.start import open_app

    return open_app(settings_flags(ctx), "login:gumloop")


async def _browser(container: Container, view: LoginView, how: BrowserLogin) -> SignedIn:
    flow = container.gumloop_oauth_login()
    async with paste_from(flow, headless=False, terminal=can_ask(), view=view):
        return await view.watch(flow.do(how))


def _key(asked: _Asked) -> tuple[str, str]:
    """The API key and its user ID, from flags, standard input or questions; white space does not count."""
    if asked.api_key is not None:
        key = _secret(asked.api_key, "API key", "--api-key")
    elif can_ask():
        show(f"Make an API key at {API_KEY_PAGE} (needs the Pro plan or above).", err=True)
        typed = ask_hidden("API key: ")
        key = typed.reveal() if typed else ""
    else:
        raise UsageError("no API key is given", hint="pipe it in with: --api-key - --user-id ID")
    debug.hide(key)
    user = inputs.read_text(asked.user_id or "", "--user-id")
    if not user and can_ask():
        show(f"Your user ID is shown at {USER_ID_PAGE}.", err=True)
        user = inputs.read_text(ask("User ID: "), "the user ID")
    if not user:
        raise UsageError(
            "an API key needs the user ID it belongs to", hint=f"add --user-id ID; see {USER_ID_PAGE}"
        )
    return key, user


def _secret(value: str, what: str, flag: str) -> str:
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


async def _told(container: Container, signing_in: Awaitable[SignedIn], as_json: bool) -> None:
    """Tell how it ended before the container is closed, which waits for the browser's last page."""
    done = await signing_in
    if as_json:
        kind = "api_key" if done.method is Method.API_KEY else "oauth"
        show_json({"status": "ok", "auth_method": kind, "base_url": done.endpoint})
    else:
        show(_welcome(done))
    if done.problem:
        show(f"loopin: {clean(done.problem)}", err=True)
    if still := still_in_effect(container.settings.gumloop):
        show(overruled(still), err=True)


def _welcome(done: SignedIn) -> str:
    facts = [
        ("Signed in", done.identity or f"with {done.method.title}"),
        ("Organization", done.organization),
        ("Server", done.endpoint),
        ("Until", moment(done.expires_at, "no end" if done.method is Method.API_KEY else "not known")),
        ("Stored in", done.stored_in),
        ("Profile", done.profile if done.profile != "default" else ""),
    ]
    return pairs([(name, value) for name, value in facts if value])
