"""Commands and options of the vendor's `chainloop` alone: refused, with the command line that runs them."""

import shlex
from collections.abc import Iterator, Mapping, Sequence

import click

from app.cli import debug
from app.cli.groups import UnknownCommand
from app.domain.errors import UsageError

Path = tuple[str, ...]
GROUP = "chainloop"

COMMANDS: Mapping[Path, Mapping[str, Path]] = {
    (): {
        name: (name,)
        for name in (
            *("apply", "artifact", "attestation", "att", "cas-backend", "config", "discover", "integration"),
            *("policy", "project", "version", "workflow", "wf"),
        )
    },
    ("auth",): {"delete-account": ("delete-account",)},
    ("organization",): {
        "delete": ("delete",),
        "leave": ("leave",),
        "member": ("member",),
        # Where documentation of older releases has it.
        "invitation": ("member", "invitation"),
    },
}
"""By group, behind `chainloop`: the commands that are left, each with its words in the vendor's tree."""

OPTIONS: Mapping[Path, frozenset[str]] = {
    ("organization", "update"): frozenset(
        {
            "--block",
            "--block-attestations-on-released-versions",
            "--enable-ai-agent-collector",
            "--policies-allowed-hostnames",
            "--prevent-implicit-workflow-creation",
            "--restrict-contract-creation",
            "--skip-runner-env-vars",
        }
    ),
}
"""By command: the options that are left."""

_SECRET = ("token", "password", "secret", "access-key", "key-id", "opt")
"""Ends of long options whose value is masked. The options of an integration have secrets among them."""
_SECRET_SHORT = "tp"
"""-t is a token everywhere, -p the password of a registry."""
_SWITCHES = "aihy"
"""Short options without a value."""
_HERE, _HERE_WITH_VALUE = frozenset({"--read-only"}), "--profile"
"""Options of Loopin that the vendor's command does not know."""


def refusal(error: click.UsageError, arguments: Sequence[str]) -> UsageError | None:
    """Return the refusal of what is left to the vendor's command; None for any other `error`.

    `arguments` are those of the whole command line. Its hint repeats them behind `loopin run`, with
    secrets masked.
    """
    path = _command_path(error.ctx)
    if path is None:
        return None
    given = list(arguments[arguments.index(GROUP) + 1 :])
    if isinstance(error, UnknownCommand):
        words = COMMANDS.get(path, {}).get(error.rest[0])
        what = " ".join((GROUP, *path, *words)) if words else ""
        given = _replace_words(given, error.rest, words or ())
    else:
        name = error.option_name if isinstance(error, click.NoSuchOption) else ""
        what = " ".join((GROUP, *path, name)) if name in OPTIONS.get(path, ()) else ""
    if not what:
        return None
    return UsageError(
        f"{what} is left to the vendor's own command line", hint=f"run it with: {_command_line(given)}"
    )


def _replace_words(given: list[str], rest: Path, words: Path) -> list[str]:
    """The arguments with the words of the vendor's tree where the command stands: where `rest` begins."""
    # After `help` the rest is not the end of the line.
    if tuple(given[-len(rest) :]) != rest:
        return given
    return [*given[: -len(rest)], *words, *rest[1:]]


def _command_path(ctx: click.Context | None) -> Path | None:
    """The names of the groups and the command behind `loopin chainloop`; None anywhere else."""
    names: list[str] = []
    while ctx is not None:
        names.insert(0, ctx.command.name or "")
        ctx = ctx.parent
    return tuple(names[2:]) if names[1:2] == [GROUP] else None


def _command_line(given: Sequence[str]) -> str:
    """The command line that runs the vendor's command."""
    own, theirs = _split(given)
    return shlex.join(["loopin", "run", *own, "--", GROUP, *_mask_secrets(theirs)])


def _split(given: Sequence[str]) -> tuple[list[str], list[str]]:
    """What `loopin run` takes of the arguments, and what the vendor's command does."""
    own: list[str] = []
    theirs: list[str] = []
    rest = iter(given)
    for argument in rest:
        if argument == _HERE_WITH_VALUE:
            own += [argument, *(value for value in (next(rest, None),) if value is not None)]
        elif argument.startswith(f"{_HERE_WITH_VALUE}="):
            own.append(argument)
        elif argument not in _HERE:
            theirs.append(argument)
    return own, theirs


def _mask_secrets(arguments: Sequence[str]) -> Iterator[str]:
    hidden = False
    for argument in arguments:
        if hidden:
            yield debug.MASK
            hidden = False
        elif argument.startswith("--"):
            name, equals, _ = argument.partition("=")
            secret = name.endswith(_SECRET)
            hidden = secret and not equals
            yield f"{name}={debug.MASK}" if secret and equals else debug.mask(argument)
        else:
            shown, hidden = _mask_short(argument)
            yield shown


def _mask_short(argument: str) -> tuple[str, bool]:
    """An argument that is no long option, masked, and whether the next one is the value of a secret."""
    if argument.startswith("-"):
        for place, letter in enumerate(argument[1:], 2):
            if letter in _SECRET_SHORT:
                rest = argument[place:]
                return argument[:place] + (debug.MASK if rest else ""), not rest
            if letter not in _SWITCHES:
                break
    return debug.mask(argument), False
