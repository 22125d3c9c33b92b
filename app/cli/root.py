"""The tree of commands."""

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from app import __version__
from app.cli import exit_codes
from app.cli.groups import Entry, LazyGroup
from app.cli.options import app_options, debug_option, settings_flags
from app.cli.runtime import Runtime, real_container
from app.domain import inputs
from app.domain.errors import Cancelled, LoopinError, UsageError
from app.settings import Settings

if TYPE_CHECKING:
    from app.bootstrap import Container

_ACCOUNTS, _APP = "Accounts", "App and server"

tree = LazyGroup(
    "loopin",
    help="Accounts and API tokens of Gumloop and Chainloop.\n\nWithout a command, the full-screen app opens.",
    entries=(
        Entry("status", "app.cli.status:status", "Which credential is in effect, and why", (), _ACCOUNTS),
        Entry("gumloop", "app.cli.gumloop:gumloop", "Sign in, teams", (), _ACCOUNTS),
        Entry(
            "chainloop",
            "app.cli.chainloop:chainloop",
            "Sign in, organizations, API tokens",
            (),
            _ACCOUNTS,
        ),
        Entry(
            "run",
            "app.cli.run:run",
            "Run a command with the credentials in effect in its environment",
            (),
            _ACCOUNTS,
        ),
        Entry("activity", "app.cli.activity:activity", "What Loopin did on this machine", (), _ACCOUNTS),
        Entry(
            "doctor", "app.cli.doctor:doctor", "Check what a sign-in needs, and say what to mend", (), _APP
        ),
        Entry("demo", "app.cli.demo:demo", "Try the app on sample data", (), _APP),
        Entry("server", "app.cli.server:server", "Run the account server", (), _APP),
        Entry(
            "completion", "app.cli.completion:completion", "Complete commands in bash, zsh or fish", (), _APP
        ),
    ),
    params=[
        click.Option(
            ["-V", "--version"],
            is_flag=True,
            is_eager=True,
            expose_value=False,
            callback=lambda ctx, param, value: _version(ctx, value),
            help="Print the version.",
        ),
        *app_options(),
        debug_option(),
    ],
    # Only options, `loopin --debug` for one: the app all the same.
    invoke_without_command=True,
    no_args_is_help=False,
    callback=lambda: _open_app(),
    epilog="Exit codes: 0 done, 1 refused or failed, 2 bad usage, 3 not signed in, 4 no usable keychain, "
    "5 unreachable, 6 partly done, 7 a check found something, 130 cancelled.",
)


def _version(ctx: click.Context, value: bool) -> None:
    if value:
        click.echo(f"loopin {__version__}")
        ctx.exit(0)


def _open_app() -> int | None:
    ctx = click.get_current_context()
    if ctx.invoked_subcommand is not None:
        return None
    from app.cli.start import open_app

    return open_app(settings_flags(ctx))


def run(arguments: Sequence[str], containers: "Callable[[Settings], Container]" = real_container) -> int:
    """Run one command and return its exit code; `containers` lets tests bring their own adapters."""
    return exit_codes.guarded(lambda: _invoke(list(arguments), Runtime(containers)))


def _invoke(arguments: list[str], runtime: Runtime) -> int:
    _check_encoding(arguments)
    try:
        result = _call(arguments, runtime)
    except click.exceptions.NoArgsIsHelpError as asked:
        click.echo(asked.message)
        return exit_codes.DONE
    except (click.Abort, EOFError):
        raise Cancelled("cancelled") from None
    except click.UsageError as error:
        raise _usage(error, arguments) from None
    except click.ClickException as error:
        raise LoopinError(error.format_message().rstrip(".")) from None
    return result if isinstance(result, int) else exit_codes.DONE


def _call(arguments: list[str], runtime: Runtime) -> object:
    """What click's `main` does, which would exit with 1 when whoever reads the output has left."""
    if "_LOOPIN_COMPLETE" in os.environ:
        return tree.main(arguments, prog_name="loopin", standalone_mode=False, obj=runtime)
    try:
        with tree.make_context("loopin", arguments, obj=runtime) as ctx:
            return tree.invoke(ctx)
    except click.exceptions.Exit as ended:
        return ended.exit_code
    except KeyboardInterrupt:
        # The terminal has written ^C.
        exit_codes.say("")
        raise


def _check_encoding(arguments: Sequence[str]) -> None:
    """Refuse bytes that are no text; a command that `run` starts takes what it likes."""
    if next((one for one in arguments if not one.startswith("-")), "") == "run":
        return
    for place, argument in enumerate(arguments, 1):
        inputs.read_text(argument, f"argument {place}")


def _usage(error: click.UsageError, arguments: Sequence[str]) -> UsageError:
    # Only an error needs it.
    from app.cli import vendor_cli

    if (left := vendor_cli.refusal(error, arguments)) is not None:
        return left
    path = error.ctx.command_path if error.ctx else "loopin"
    return UsageError(error.format_message().rstrip(".") + _source(error), hint=f"see: {path} --help")


def _source(error: click.UsageError) -> str:
    """Where a value came from that cannot be used, when it was not typed."""
    param = getattr(error, "param", None)
    if error.ctx is None or param is None:
        return ""
    source = error.ctx.get_parameter_source(param.name)
    if source is ParameterSource.DEFAULT_MAP:
        return " (from the file of --config)"
    variables = [param.envvar] if isinstance(param.envvar, str) else param.envvar or ()
    named = next((name for name in variables if os.environ.get(name)), "")
    return f" (from {named})" if source is ParameterSource.ENVIRONMENT and named else ""
