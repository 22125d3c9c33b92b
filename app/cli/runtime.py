"""How a command reaches a service: settings, one container, one event loop, closed at the end."""

import asyncio
import signal
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import click

from app.cli import debug, exit_codes
from app.cli.exit_codes import say
from app.cli.options import settings_flags, without_effect
from app.domain.errors import Refused
from app.domain.event_loop import run_to_end
from app.domain.text import clean
from app.settings import Settings, load

if TYPE_CHECKING:
    # Loaded on first use: help and the version need no services.
    from app.bootstrap import Container
    from app.services.changes import Changes

T = TypeVar("T")


def real_container(settings: Settings) -> "Container":
    """This machine's own keychain, browser and network."""
    from app.bootstrap import Container

    return Container(settings)


class Runtime(NamedTuple):
    """What a run works with. Tests bring containers with their own vault, clock and browser."""

    containers: "Callable[[Settings], Container]" = real_container


def run(ctx: click.Context, use: "Callable[[Container], Awaitable[T]]", **flags: str | None) -> T:
    """Load the settings, give `use` a container, and close it whatever happens.

    A command that asks a question in between calls this twice: a question inside the event loop could not
    be cancelled with ctrl+c. Ctrl+c, SIGTERM, SIGHUP and SIGQUIT cancel `use`; changes that it has begun are
    waited for, 5 s at most, and how they ended is told. A second one ends it at once. Raise Stopped after a
    signal.
    """
    settings = load(flags=settings_flags(ctx, **flags))
    _note(ctx, settings)
    tell_slips(ctx, settings, say)
    runtime = ctx.find_object(Runtime) or Runtime()

    stopped: list[int] = []
    made: list[Container] = []

    async def work() -> T:
        container = runtime.containers(settings)
        container.notify = _telling(ctx)
        made.append(container)
        with _cancelled_by_signals(stopped):
            try:
                return await use(container)
            finally:
                await _finish_changes(_changes_of(made))
                await container.aclose()

    try:
        return run_to_end(work())
    except asyncio.CancelledError:
        if stopped:
            raise exit_codes.Stopped(stopped[0]) from None
        raise
    finally:
        _tell_orphans(_changes_of(made))


def _changes_of(made: "list[Container]") -> "Changes | None":
    # Without a change nothing has asked for the registry.
    return vars(made[0]).get("changes") if made else None


@contextmanager
def _cancelled_by_signals(stopped: list[int]) -> Iterator[None]:
    """While inside, SIGTERM, SIGHUP and SIGQUIT cancel the current task and are noted in `stopped`."""
    loop, owner = asyncio.get_running_loop(), asyncio.current_task()

    def stop(number: int) -> None:
        stopped.append(number)
        if owner is not None:
            owner.cancel()

    caught = []
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        # What the caller had ignored (nohup) stays ignored. Outside the main thread no signal is heard.
        with suppress(NotImplementedError, RuntimeError, ValueError):
            if signal.getsignal(number) is not signal.SIG_IGN:
                loop.add_signal_handler(number, stop, number)
                caught.append(number)
    try:
        yield
    finally:
        for number in caught:
            loop.remove_signal_handler(number)


async def _finish_changes(changes: "Changes | None") -> None:
    """Wait for what was begun; where that takes longer than a moment, say for what."""
    if changes is None or not changes.under_way():
        return
    changes.close()
    if not await changes.finish(_MOMENT):
        what, seconds = clean(", ".join(changes.under_way())), changes.grace
        exit_codes.say(
            f"loopin: waiting {seconds:g} s at most for this to finish: {what}; ctrl+c ends at once"
        )
        await changes.finish(seconds - _MOMENT)


_MOMENT = 0.3


def _tell_orphans(changes: "Changes | None") -> None:
    """Say how changes ended whose caller had gone."""
    for orphan in changes.orphans() if changes is not None else ():
        if orphan.error is not None:
            debug.note(orphan.error)
        exit_codes.say(f"loopin: {clean(orphan.words)}")
        if orphan.hint:
            exit_codes.say(f"  next: {clean(orphan.hint)}")


def _telling(ctx: click.Context) -> Callable[[str], None]:
    """Say what a service has for the person, each sentence once a command."""
    told: set[str] = ctx.meta.setdefault("loopin.told", set())

    def tell(words: str) -> None:
        if words not in told:
            told.add(words)
            say(f"loopin: {clean(words)}")

    return tell


@contextmanager
def advising(hint: str) -> Iterator[None]:
    """Give a refusal that names no next step this one."""
    try:
        yield
    except Refused as error:
        error.hint = error.hint or hint
        raise


def tell_slips(ctx: click.Context, settings: Settings, tell: Callable[[str], None]) -> None:
    """Tell what stands in config.toml and is not read, each slip once a run."""
    told: set[str] = ctx.meta.setdefault("loopin.slips", set())
    for slip in settings.warnings:
        if slip not in told:
            told.add(slip)
            tell(f"loopin: {slip}")


def _note(ctx: click.Context, settings: Settings) -> None:
    if debug.active():
        for option in without_effect(ctx):
            _telling(ctx)(f"{option} has no effect: Loopin moves no artifacts")
    target = settings.chainloop
    gumloop = settings.gumloop
    for secret in (target.flag, target.environment, gumloop.access_token, gumloop.api_key):
        if secret is not None:
            debug.hide(secret.reveal())
    endpoint = target.endpoint or target.default
    debug.note(
        "%s: profile %s, organization %s, endpoint %s%s, config %s",
        ctx.command_path,
        target.profile,
        target.organization or "(current)",
        endpoint.address,
        " in plain text" if endpoint.insecure else "",
        settings.config_dir,
    )
