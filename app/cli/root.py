"""The tree of commands, and how one of them is run."""

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from app import __version__
from app.cli import exit_codes
from app.cli.groups import Entry, LazyGroup, Leaf
from app.cli.options import app_options, debug_option, settings_flags
from app.cli.runtime import Invocation, real_container
from app.domain import inputs
from app.domain.errors import Cancelled, LoopinError, UsageError
from app.settings import Settings

if TYPE_CHECKING:
    from app.bootstrap import Container

COMPLETE_VARIABLE = "_LOOPIN_COMPLETE"
"""Set by the completion script when the shell asks; Click answers, and nothing else happens."""
_ACCOUNTS, _APP = "Accounts", "App and server"
_ENTRIES = (
    Entry("status", "app.cli.status:status", "Which credential is in effect, and why", (), _ACCOUNTS),
    Entry("gumloop", "app.cli.gumloop:gumloop", "Sign in, teams", (), _ACCOUNTS),
    Entry("chainloop", "app.cli.chainloop:chainloop", "Sign in, organizations, API tokens", (), _ACCOUNTS),
    Entry(
        "run",
        "app.cli.run:run",
        "Run a command with the credentials in effect in its environment",
        (),
        _ACCOUNTS,
    ),
    Entry("activity", "app.cli.activity:activity", "What Loopin did on this machine", (), _ACCOUNTS),
    Entry("doctor", "app.cli.doctor:doctor", "Check what a sign-in needs, and say what to mend", (), _APP),
    Entry("demo", "app.cli.demo:demo", "Try the app on sample data", (), _APP),
    Entry("server", "app.cli.server:server", "Run the account server", (), _APP),
    Entry("completion", "app.cli.root:completion", "Complete commands in bash, zsh or fish", (), _APP),
)


def _print_version(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if value:
        click.echo(f"loopin {__version__}")
        ctx.exit(0)


def _open_app() -> int | None:
    ctx = click.get_current_context()
    if ctx.invoked_subcommand is not None:
        return None
    from app.cli.start import open_app

    return open_app(settings_flags(ctx))


tree = LazyGroup(
    "loopin",
    help="Accounts and API tokens of Gumloop and Chainloop.\n\nWithout a command, the full-screen app opens.",
    entries=_ENTRIES,
    params=[
        click.Option(
            ["-V", "--version"],
            is_flag=True,
            is_eager=True,
            expose_value=False,
            callback=_print_version,
            help="Print the version.",
        ),
        *app_options(),
        debug_option(),
    ],
    # Only options, `loopin --debug` for one: the app all the same.
    invoke_without_command=True,
    no_args_is_help=False,
    callback=_open_app,
    epilog="Exit codes: 0 done, 1 refused or failed, 2 bad usage, 3 not signed in, 4 no usable keychain, "
    "5 unreachable, 6 partly done, 7 a check found something, 130 cancelled.",
)


@click.command("completion", cls=Leaf, shared=[debug_option()])
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print a script that completes loopin's commands and options in SHELL: bash, zsh or fish.

    Example: loopin completion fish > ~/.config/fish/completions/loopin.fish
    """
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"there is no completion for {shell}")
    script = kind(tree, {}, "loopin", COMPLETE_VARIABLE)
    click.echo(script.source_template % script.source_vars())


def run(arguments: Sequence[str], containers: "Callable[[Settings], Container]" = real_container) -> int:
    """Run one command and return its exit code; `containers` lets tests bring their own adapters."""
    return exit_codes.run_reporting_errors(lambda: _invoke(list(arguments), Invocation(containers)))


def _invoke(arguments: list[str], invocation: Invocation) -> int:
    """Do what click's `main` does, which would exit with 1 when the reader of the output has closed it."""
    _check_encoding(arguments)
    try:
        if COMPLETE_VARIABLE in os.environ:
            return tree.main(arguments, prog_name="loopin", standalone_mode=False, obj=invocation) or 0
        with tree.make_context("loopin", arguments, obj=invocation) as ctx:
            result = tree.invoke(ctx)
    except click.exceptions.Exit as end:
        return end.exit_code
    except KeyboardInterrupt:
        # The terminal has written ^C.
        exit_codes.print_stderr("")
        raise
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.message)
        return exit_codes.DONE
    except (click.Abort, EOFError):
        raise Cancelled("cancelled") from None
    except click.UsageError as error:
        raise _usage_error(error, arguments) from None
    except click.ClickException as error:
        raise LoopinError(error.format_message().rstrip(".")) from None
    return result if isinstance(result, int) else exit_codes.DONE


def _check_encoding(arguments: Sequence[str]) -> None:
    """Refuse bytes that are not UTF-8; a command that `run` starts takes any."""
    if next((argument for argument in arguments if not argument.startswith("-")), "") == "run":
        return
    for place, argument in enumerate(arguments, 1):
        inputs.read_text(argument, f"argument {place}")


def _usage_error(error: click.UsageError, arguments: Sequence[str]) -> UsageError:
    # Only an error needs it.
    from app.cli import vendor_cli

    if (refusal := vendor_cli.refusal(error, arguments)) is not None:
        return refusal
    path = error.ctx.command_path if error.ctx else "loopin"
    return UsageError(error.format_message().rstrip(".") + _source(error), hint=f"see: {path} --help")


def _source(error: click.UsageError) -> str:
    """Where a value that cannot be used came from, when it was not typed."""
    param = getattr(error, "param", None)
    if error.ctx is None or param is None:
        return ""
    source = error.ctx.get_parameter_source(param.name)
    if source is ParameterSource.DEFAULT_MAP:
        return " (from the file of --config)"
    variables = [param.envvar] if isinstance(param.envvar, str) else param.envvar or ()
    variable = next((name for name in variables if os.environ.get(name)), "")
    return f" (from {variable})" if source is ParameterSource.ENVIRONMENT and variable else ""
