"""`loopin chainloop auth login | logout`."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from functools import partial

import click

from app.bootstrap import Container
from app.cli import debug, exit_codes, serializers
from app.cli.chainloop_keyless import describe_job_login
from app.cli.groups import Leaf
from app.cli.login_output import (
    LoginView,
    describe_nothing_forgotten,
    finish_sign_out,
    paste_from,
    print_problems,
    print_signed_in,
)
from app.cli.options import chainloop_options, flags, output_option
from app.cli.output import moment, pairs, show, show_json
from app.cli.runtime import invocation, run
from app.cli.terminal import can_ask
from app.domain.errors import LoopinError, UsageError
from app.domain.login import EndedThere, SignedIn, SignedOut
from app.domain.text import clean, plural
from app.services.login.browser import BrowserOptions


@click.command("login", cls=Leaf, shared=chainloop_options())
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
    as_json = output == "json"
    others = {"--token": "chainloop_flag_token" in flags(ctx), "--skip-browser": skip_browser}
    if take_over:
        _check_alone("--import", others | {"--keyless": keyless, "--callback-port": bool(callback_port)})
    elif keyless:
        _check_alone("--keyless", others)
    view = LoginView(quiet=as_json, attended=can_ask() or bool(callback_port))
    if take_over:
        path = flags(ctx).get("chainloop_config") or ""
        result = run(ctx, lambda container: _import(container, view, path))
    elif keyless:
        result = run(ctx, lambda container: view.watch(container.keyless.sign_in))
    elif token := flags(ctx).pop("chainloop_flag_token", None):
        result = run(ctx, lambda container: _sign_in_with_token(container, view, token))
    else:
        options = BrowserOptions(callback_port, not skip_browser, skip_browser)
        result = run(ctx, lambda container: _sign_in_with_browser(container, view, options))
    # The container is still open: closing it waits for the browser's last page.
    if as_json:
        show_json(serializers.signed_in(result))
    elif keyless:
        show(pairs(describe_job_login(result)))
    else:
        organization = result.organization or "none yet: loopin chainloop organization list"
        role = f" · {result.role}" if result.organization and result.role else ""
        identity = [("Signed in as", result.identity), ("Organization", f"{organization}{role}")]
        print_signed_in(result, identity, no_end="no end")
    if not keyless:
        overruled = invocation(ctx).open(ctx).settings.chainloop.environment is not None
        remark = " (chainloop releases before June 2026 prefer the login.)"
        print_problems(result, "CHAINLOOP_TOKEN" if overruled else "", remark)
    return exit_codes.DONE


def _check_alone(option: str, others: Mapping[str, bool]) -> None:
    for other in (name for name, given in others.items() if given):
        hint = "give one of them" if option == "--keyless" else f"leave {other} out"
        raise UsageError(f"{option} and {other} exclude each other", hint=hint)


async def _import(container: Container, view: LoginView, path: str) -> SignedIn:
    with suppress(LoopinError):
        debug.hide(container.vendor_logins.read(path).secret.reveal())
    return await view.watch(partial(container.chainloop_import().import_login, path))


async def _sign_in_with_token(container: Container, view: LoginView, token: str) -> SignedIn:
    return await view.watch(partial(container.chainloop_login_store.sign_in_with_token, token))


async def _sign_in_with_browser(container: Container, view: LoginView, options: BrowserOptions) -> SignedIn:
    answers: asyncio.Queue[str] = asyncio.Queue()
    sign_in = container.chainloop_browser_sign_in().sign_in
    async with paste_from(answers, headless=options.headless, terminal=can_ask(), view=view):
        return await view.watch(partial(sign_in, options, answers))


@click.command("logout", cls=Leaf, shared=chainloop_options())
@click.option(
    "--everywhere",
    is_flag=True,
    help="End all your sessions and the programs you allowed, on every machine; API keys stay.",
)
@output_option("table", "json")
@click.pass_context
def logout(ctx: click.Context, everywhere: bool, output: str) -> int:
    """Sign out: forget the stored login here, and end it at the server where the server can."""
    result = run(ctx, lambda container: container.chainloop_sign_out.sign_out(everywhere=everywhere))
    if output == "json":
        show_json(serializers.signed_out(result))
    elif not result.forgotten:
        show(describe_nothing_forgotten(result))
    else:
        show("Here:   forgotten.")
        show(f"Server: {_server_result(result, everywhere)}")
        if result.copy_in and not result.was_over:
            show(_copy_result(result))
    return finish_sign_out((result,))


def _server_result(result: SignedOut, everywhere: bool) -> str:
    if result.ended_at_server:
        return _describe_ended(result.ended) if everywhere else "the session ended."
    if result.was_over:
        return "the login was not valid any more."
    until = moment(result.valid_until) if result.valid_until else ""
    if result.is_token:
        end = f"it is revoked, or expires {until}" if until else "it is revoked"
        return f"nothing changed; an API token works until {end}."
    return f"not ended; the server keeps it valid{f' until {until}' if until else ''}."


def _describe_ended(ended: EndedThere | None) -> str:
    if ended is None or ended.sessions is None or ended.programs is None:
        return "all your sessions ended."
    counts = f"{plural(ended.sessions, 'session')} and {plural(ended.programs, 'allowed program')}"
    return f"all of yours ended: {counts}. API keys stay valid."


def _copy_result(result: SignedOut) -> str:
    """What became of the login in the file that it was taken over from."""
    until = f" until {moment(result.valid_until)}" if result.valid_until else ""
    state = "ended with it" if result.ended_at_server else f"stays valid, too{until}"
    return f"Copy:   the login in {clean(result.copy_in)} {state}; the file was not changed."
