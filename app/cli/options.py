"""Options that many commands share.

The vendor's command line takes them anywhere. Click takes an option only from the command that declares
it, so every group and every leaf declares them; the value given last, nearest the leaf, counts.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, TypeVar

import click

from app import __version__
from app.cli import debug, exit_codes
from app.cli.groups import SharedOption
from app.domain import inputs, secret
from app.domain.errors import UsageError

# Keys of click's `Context.meta`.
_FLAGS, _YES, _OUTPUT = "loopin.flags", "loopin.yes", "loopin.output"
_INEFFECTIVE, _TOKEN_GIVEN = "loopin.ineffective", "loopin.token_on_command_line"
F = TypeVar("F", bound=Callable[..., Any])


def flags(ctx: click.Context) -> dict[str, str | None]:
    """What was given, by the names of the settings table."""
    given: dict[str, str | None] = ctx.meta.setdefault(_FLAGS, {})
    return given


def settings_flags(ctx: click.Context, **more: str | None) -> Mapping[str, str | None]:
    """The given flags, with `more` laid over them."""
    return {**flags(ctx), **more}


def is_confirmed(ctx: click.Context) -> bool:
    """True when --yes was given."""
    return bool(ctx.meta.get(_YES))


def ineffective_options(ctx: click.Context) -> list[str]:
    """The options that were given and change nothing."""
    return list(ctx.meta.get(_INEFFECTIVE, ()))


def _store_setting(setting: str) -> Callable[[click.Context, click.Parameter, Any], None]:
    def callback(ctx: click.Context, param: click.Parameter, value: Any) -> None:
        if value is not None:
            flags(ctx)[setting] = str(value).lower() if isinstance(value, bool) else str(value)

    return callback


def _store_token(ctx: click.Context, param: click.Parameter, value: str | None) -> None:
    if value is None:
        return
    from app.cli.terminal import read_piped

    token = read_piped("the token") if value == "-" else inputs.read_secret(value, "--token")
    if token is None:
        raise UsageError("--token is empty", hint="give the token, or - to read it from standard input")
    debug.hide(token.reveal())
    flags(ctx)["chainloop_flag_token"] = token.reveal()
    if value != "-" and not ctx.meta.get(_TOKEN_GIVEN):
        ctx.meta[_TOKEN_GIVEN] = True
        exit_codes.print_stderr(
            "A token on the command line stays in the shell's history and shows in the list of processes; "
            "--token - reads it from standard input."
        )


def _store_ineffective(ctx: click.Context, param: click.Parameter, value: str | None) -> None:
    if value is not None:
        ctx.meta.setdefault(_INEFFECTIVE, {})[param.opts[0]] = None


def _store_yes(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if value:
        ctx.meta[_YES] = True


def _store_output(ctx: click.Context, param: click.Parameter, value: str | None) -> None:
    if value is not None:
        ctx.meta[_OUTPUT] = value


def _start_debug(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        from app.settings import load

        debug.start(load().state_dir)
        for variable in secret.VARIABLES:
            debug.hide(os.environ.get(variable, ""))
        # Not the arguments: one of them may be a secret.
        debug.note("loopin %s: %s", __version__, ctx.command_path)


def _option(*names: str, **attributes: Any) -> SharedOption:
    attributes.setdefault("expose_value", False)
    return SharedOption(list(names), **attributes)


def debug_option(hidden: bool = False) -> SharedOption:
    """`--debug`, which every command takes."""
    return _option(
        "--debug", is_flag=True, is_eager=True, callback=_start_debug, hidden=hidden,
        help="Write a log file, secrets masked.",
    )  # fmt: skip


def app_options() -> list[click.Parameter]:
    """How the full-screen app behaves."""
    return [
        _read_only_option(),
        _option(
            "--redact", is_flag=True, default=None, callback=_store_setting("redact"),
            help="Mask names, e-mails, ids and hosts on the screen. [LOOPIN_REDACT]",
        ),
    ]  # fmt: skip


def _read_only_option(hidden: bool = False) -> SharedOption:
    return _option(
        "--read-only", is_flag=True, default=None, callback=_store_setting("read_only"), hidden=hidden,
        help="Change nothing. [LOOPIN_READ_ONLY]",
    )  # fmt: skip


@cache
def chainloop_options(hidden: bool = False) -> Sequence[click.Parameter]:
    """What every Chainloop command takes, as the vendor's command line names it."""
    return [
        _option(
            "-t", "--token", metavar="TOKEN", callback=_store_token, hidden=hidden,
            help="API token for this run; - reads it from standard input. [CHAINLOOP_TOKEN]",
        ),
        _option(
            "--control-plane", metavar="HOST:PORT", callback=_store_setting("chainloop_address"),
            hidden=hidden, help="Control plane to speak to. [CHAINLOOP_CONTROL_PLANE_API]",
        ),
        _option(
            "--control-plane-ca", metavar="CA", callback=_store_setting("chainloop_ca"), hidden=hidden,
            help="Extra authority: a path, PEM or base64 PEM. [CHAINLOOP_CONTROL_PLANE_API_CA]",
        ),
        _option(
            "-i", "--insecure", is_flag=True, default=None, callback=_store_setting("chainloop_insecure"),
            hidden=hidden, help="Plain text instead of TLS. [CHAINLOOP_API_INSECURE]",
        ),
        _option(
            "-n", "--org", metavar="ORG", callback=_store_setting("chainloop_organization"), hidden=hidden,
            help="Organization for this run; without it the profile's. [CHAINLOOP_ORGANIZATION]",
        ),
        _option(
            "-c", "--config", metavar="FILE", callback=_store_setting("chainloop_config"), hidden=hidden,
            help="Configuration file of the chainloop command: organization and control plane, no token.",
        ),
        _option(
            "--max-recv-msg-size", metavar="BYTES", callback=_store_setting("chainloop_max_recv"),
            hidden=hidden, help="Largest answer to accept; 0 = 32 MiB. [CHAINLOOP_API_MAX_RECV_MSG_SIZE]",
        ),
        *(
            _option(
                name, metavar=metavar, callback=_store_ineffective, hidden=hidden,
                help="Accepted and without effect: Loopin moves no artifacts.",
            )
            for name, metavar in (("--artifact-cas", "HOST:PORT"), ("--artifact-cas-ca", "CA"))
        ),
        _option(
            "--profile", metavar="NAME", callback=_store_setting("chainloop_profile"), hidden=hidden,
            help="Stored login to use.",
        ),
        _option("-y", "--yes", is_flag=True, callback=_store_yes, hidden=hidden, help="Ask nothing."),
        _read_only_option(hidden),
        debug_option(hidden),
    ]  # fmt: skip


def gumloop_options(hidden: bool = False) -> list[click.Parameter]:
    """What every Gumloop command takes, as the vendor's command line names it."""
    return [
        _option(
            "--base-url", metavar="URL", callback=_store_setting("gumloop_base_url"), hidden=hidden,
            help="Base URL of the API. [GUMLOOP_BASE_URL]",
        ),
        _option(
            "--team-id", metavar="ID", callback=_store_setting("gumloop_team_id"), hidden=hidden,
            help="Team that requests are scoped to. [GUMLOOP_TEAM_ID]",
        ),
        _option(
            "--profile", metavar="NAME", callback=_store_setting("gumloop_profile"), hidden=hidden,
            help="Stored login to use.",
        ),
        debug_option(hidden),
    ]  # fmt: skip


def group_options() -> list[click.Parameter]:
    """The Chainloop options of a group, hidden in its help; the leaf checks the output format."""
    output = _option("-o", "--output", callback=_store_output, hidden=True)
    return [*chainloop_options(hidden=True), output]


def output_option(*formats: str) -> Callable[[F], F]:
    """`-o`: the command gets `output`, one of `formats`; the first is the default."""

    def callback(ctx: click.Context, param: click.Parameter, value: str | None) -> str:
        chosen = value or ctx.meta.get(_OUTPUT) or formats[0]
        if chosen in formats:
            return str(chosen)
        raise UsageError(
            f"there is no output format {str(chosen)[:80]!r}", hint=f"use {' or '.join(formats)}"
        )

    return click.option(
        "-o", "--output", metavar="|".join(formats), callback=callback, help=f"How to print. [{formats[0]}]"
    )
