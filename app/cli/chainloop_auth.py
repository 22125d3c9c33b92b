"""`loopin chainloop auth login | logout`."""

from collections.abc import Awaitable, Mapping
from contextlib import suppress

import click

from app.bootstrap import Container
from app.cli import debug, exit_codes, serializers
from app.cli.groups import Leaf
from app.cli.login_output import LoginView, overruled, paste_from
from app.cli.options import flags, output_option, shared
from app.cli.output import moment, show, show_json
from app.cli.runtime import run
from app.cli.sign_out_output import conclude, nothing_forgotten
from app.cli.terminal import can_ask
from app.domain.errors import LoopinError, UsageError
from app.domain.login import EndedThere, SignedIn, SignedOut
from app.domain.text import clean, plural
from app.services.login.round_trip import BrowserLogin


@click.command("login", cls=Leaf)
@click.option(
    "--skip-browser", is_flag=True, help="Open no browser: print a page that shows a token to paste."
)
@click.option(
    "--callback-port",
    type=click.IntRange(0, 65535),
    default=0,
    metavar="PORT",
    help="Port for the browser's answer, for example behind ssh -L. [any]",
)
@click.option("--keyless", is_flag=True, help="In a CI job: sign in as the job; nothing is stored.")
@click.option(
    "--import",
    "take_over",
    is_flag=True,
    help="Take over the login of Chainloop's own command line; its file is not changed.",
)
@output_option("table", "json")
@shared
@click.pass_context
def login(
    ctx: click.Context,
    skip_browser: bool,
    callback_port: int,
    keyless: bool,
    take_over: bool,
    output: str,
) -> int:
    """Sign in to Chainloop, in the browser or with --token, and store the login in the keychain.

    --token - reads an API token from standard input. --import takes over the login in the usual
    configuration file of Chainloop's own command line, or in the one that --config names.
    """
    excluded = {"--token": "chainloop_flag_token" in flags(ctx), "--skip-browser": skip_browser}
    if take_over:
        excluded |= {"--keyless": keyless, "--callback-port": bool(callback_port)}
        return _import(ctx, output == "json", excluded)
    if keyless:
        from app.cli.chainloop_keyless import log_in

        return log_in(ctx, output, excluded)
    token = flags(ctx).pop("chainloop_flag_token", None)
    view = LoginView(quiet=output == "json", attended=can_ask() or bool(callback_port))
    how = BrowserLogin(callback_port, not skip_browser, skip_browser)
    run(ctx, lambda container: _told(container, _sign_in(container, view, token, how), output == "json"))
    return exit_codes.DONE


def _import(ctx: click.Context, as_json: bool, excluded: Mapping[str, bool]) -> int:
    for option in (name for name, given in excluded.items() if given):
        raise UsageError(f"--import and {option} exclude each other", hint=f"leave {option} out")
    path = flags(ctx).get("chainloop_config") or ""
    view = LoginView(quiet=as_json)

    async def take_over(container: Container) -> None:
        with suppress(LoopinError):
            debug.hide(container.vendor_logins.read(path).secret.reveal())
        await _told(container, view.watch(container.chainloop_import_login().do(path)), as_json)

    run(ctx, take_over)
    return exit_codes.DONE


async def _sign_in(container: Container, view: LoginView, token: str | None, how: BrowserLogin) -> SignedIn:
    if token:
        return await view.watch(container.chainloop_token_login().do(token))
    flow = container.chainloop_browser_login()
    async with paste_from(flow, headless=how.headless, terminal=can_ask(), view=view):
        return await view.watch(flow.do(how))


async def _told(container: Container, signing_in: Awaitable[SignedIn], as_json: bool) -> None:
    """Tell how it ended before the container is closed, which waits for the browser's last page."""
    done = await signing_in
    if as_json:
        show_json(serializers.signed_in(done))
    else:
        show(_welcome(done))
    if done.problem:
        show(f"loopin: {clean(done.problem)}", err=True)
    if container.settings.chainloop.environment is not None:
        show(
            f"{overruled('CHAINLOOP_TOKEN')} (chainloop releases before June 2026 prefer the login.)",
            err=True,
        )


def _welcome(done: SignedIn) -> str:
    from app.cli.output import pairs

    organization = done.organization or "none yet: loopin chainloop organization list"
    facts = [
        ("Signed in as", done.identity),
        ("Organization", f"{organization} · {done.role}" if done.role else organization),
        ("Server", done.endpoint),
        ("Until", moment(done.expires_at, "no end")),
        ("Stored in", done.stored_in),
    ]
    if done.profile != "default":
        facts.append(("Profile", done.profile))
    if done.copy_in:
        facts.append(("Copy in", f"{done.copy_in}, which was not changed and stays valid as long"))
    return pairs(facts)


@click.command("logout", cls=Leaf)
@click.option(
    "--everywhere",
    is_flag=True,
    help="End all your sessions and the programs you allowed, on every machine; API keys stay.",
)
@output_option("table", "json")
@shared
@click.pass_context
def logout(ctx: click.Context, everywhere: bool, output: str) -> int:
    """Sign out: forget the stored login here, and end it at the server where the server can."""
    done = run(ctx, lambda container: container.chainloop_sign_out.do(everywhere=everywhere))
    if output == "json":
        show_json(serializers.signed_out(done))
    else:
        for line in _farewell(done, everywhere):
            show(line)
    return conclude((done,))


def _farewell(done: SignedOut, everywhere: bool) -> list[str]:
    if not done.forgotten:
        return [nothing_forgotten(done)]
    if done.ended_at_server:
        what = _ended_everywhere(done.ended) if everywhere else "the session ended."
        return ["Here:   forgotten.", f"Server: {what}", *_copy(done)]
    return ["Here:   forgotten.", f"Server: {_at_server(done)}", *_copy(done)]


def _ended_everywhere(ended: EndedThere | None) -> str:
    if ended is None or ended.sessions is None or ended.programs is None:
        return "all your sessions ended."
    counts = f"{plural(ended.sessions, 'session')} and {plural(ended.programs, 'allowed program')}"
    return f"all of yours ended: {counts}. API keys stay valid."


def _copy(done: SignedOut) -> list[str]:
    """What became of the login in the file that it was taken over from."""
    if not done.copy_in or done.was_over:
        return []
    until = f" until {moment(done.valid_until)}" if done.valid_until else ""
    fate = "ended with it" if done.ended_at_server else f"stays valid, too{until}"
    return [f"Copy:   the login in {clean(done.copy_in)} {fate}; the file was not changed."]


def _at_server(done: SignedOut) -> str:
    if done.was_over:
        return "the login was not valid any more."
    if done.is_token:
        end = f"it is revoked, or expires {moment(done.valid_until)}" if done.valid_until else "it is revoked"
        return f"nothing changed; an API token works until {end}."
    end = f" until {moment(done.valid_until)}" if done.valid_until else ""
    return f"not ended; the server keeps it valid{end}."
