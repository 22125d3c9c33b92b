"""Options of `loopin server` from variables and from a file: flag, then variable, then file, then default."""

import tomllib
from collections.abc import Collection, Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from app.domain import inputs
from app.domain.errors import UsageError
from app.domain.text import clean

PREFIX = "LOOPIN_SERVER_"
SHARED = frozenset({"data", "database-url", "database-url-file", "signing-key-file"})
"""Which server it is: every command takes these. All others belong to `loopin server start`."""
_NEVER = frozenset({"config", "control-stdin", "debug", "help", "json"})
_STRENGTH = (ParameterSource.COMMANDLINE, ParameterSource.ENVIRONMENT, ParameterSource.DEFAULT_MAP)


def add_sources(params: Sequence[click.Parameter], names: Collection[str] | None) -> None:
    """Let the options called `names`, None for all of them, come from a variable."""
    for name, option in _options(params).items():
        if name not in _NEVER and (names is None or name in names):
            option.envvar = [PREFIX + name.replace("-", "_").upper(), *_variables(option)]


def config_option() -> click.Option:
    """`--config`, whose values count where neither a flag nor a variable does."""
    return click.Option(
        ["--config"],
        envvar=f"{PREFIX}CONFIG",
        type=click.Path(path_type=Path, dir_okay=False),
        metavar="FILE",
        is_eager=True,
        expose_value=False,
        callback=_read,
        help=f"TOML file with options, such as http-port = 8080. [{PREFIX}CONFIG]",
    )


def stronger(ctx: click.Context, one: str, other: str) -> str:
    """Which of two parameters that were given counts: `one` or `other`; "" where both have one source."""
    places = [_STRENGTH.index(source) for name in (one, other) if (source := ctx.get_parameter_source(name))]
    return "" if places[0] == places[1] else one if places[0] < places[1] else other


def _read(ctx: click.Context, param: click.Parameter, path: Path | None) -> None:
    if path is None:
        return
    try:
        table = tomllib.loads(inputs.decode(path.read_bytes(), str(path)))
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}", hint="check --config") from None
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path} is not TOML: {error}", hint="write lines like http-port = 8080") from None
    ctx.default_map = dict(_values(ctx, path, table))


def _values(ctx: click.Context, path: Path, table: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    options = _options(ctx.command.params)
    for key, value in _flat(table):
        option = options.get(key)
        if option is None or key in _NEVER:
            _check_known(path, key)
        elif not _fits(option, value):
            raise UsageError(f"{key} in {path} cannot be used", hint=f"write {_example(option, key)}")
        else:
            yield str(option.name), value


def _flat(table: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """Every value by the name of its option: `[tls] cert = …` is `tls-cert`."""
    for key, value in table.items():
        name = f"{above}{key.replace('_', '-')}"
        if isinstance(value, Mapping):
            yield from _flat(value, f"{name}-")
        else:
            yield name, value


def _check_known(path: Path, key: str) -> None:
    """One file serves all commands: what only `start` takes is no error anywhere else."""
    from app.cli.server_start import start

    known = _options(start.params).keys() - _NEVER
    if key in known:
        return
    close = get_close_matches(key, known, n=1)
    meant = f"did you mean {close[0]}?" if close else "see loopin server start --help"
    raise UsageError(f"{path} names {clean(key, 80)!r}, which is no option", hint=meant)


def _options(params: Sequence[click.Parameter]) -> dict[str, click.Option]:
    return {_name(param): param for param in params if isinstance(param, click.Option)}


def _name(option: click.Option) -> str:
    return max(option.opts, key=len).lstrip("-")


def _variables(option: click.Option) -> list[str]:
    named = option.envvar
    return [named] if isinstance(named, str) else list(named or ())


def _fits(option: click.Option, value: object) -> bool:
    if option.multiple:
        return isinstance(value, list) and all(isinstance(one, str) for one in value)
    if option.is_flag:
        return isinstance(value, bool)
    if isinstance(option.type, click.Path):
        return isinstance(value, str) and "\0" not in value
    if isinstance(option.type, click.Choice):
        return isinstance(value, str)
    # Spans are text to click, and may be written as a number.
    return isinstance(value, str | int) and not isinstance(value, bool)


def _example(option: click.Option, key: str) -> str:
    if option.multiple:
        return f'{key} = ["…"]'
    return f"{key} = true" if option.is_flag else f'{key} = "…"'
