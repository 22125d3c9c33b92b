"""How a command reaches a service: settings, one container, one event loop, closed at the end."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import click

from app.cli import debug, exits
from app.cli.exits import say
from app.cli.options import settings_flags
from app.domain.errors import Refused
from app.domain.text import clean
from app.settings import Settings, load

if TYPE_CHECKING:
    # Loaded on first use: help and the version need no services.
    from app.container import Container
    from app.services.activity import Trail

T = TypeVar("T")


def real_container(settings: Settings) -> "Container":
    """This machine's own keychain, browser and network."""
    from app.container import Container

    return Container(settings)


class Runtime(NamedTuple):
    """What a run works with. Tests bring containers with their own vault, clock and browser."""

    containers: "Callable[[Settings], Container]" = real_container


def run(ctx: click.Context, use: "Callable[[Container], Awaitable[T]]", **flags: str | None) -> T:
    """Load the settings, give `use` a container, and close it whatever happens.

    A command that asks a question in between calls this twice: a question inside the event loop could not
    be cancelled with ctrl+c.
    """
    settings = load(flags=settings_flags(ctx, **flags))
    _note(ctx, settings)
    tell_slips(ctx, settings, say)
    runtime = ctx.find_object(Runtime) or Runtime()

    async def work() -> T:
        container = runtime.containers(settings)
        container.notify = lambda words: say(f"loopin: {clean(words)}")
        try:
            return await use(container)
        finally:
            await container.aclose()
            # A trail that was not made was not needed.
            _tell_lost(ctx, vars(container).get("trail"))

    return asyncio.run(work())


def _tell_lost(ctx: click.Context, trail: "Trail | None") -> None:
    """Say once a command that the activity lacks what it did; that changes nothing of what was done."""
    if trail is not None and trail.problem is not None and not ctx.meta.get(_LOST):
        ctx.meta[_LOST] = True
        why = clean(trail.problem.message)
        exits.say(f"loopin: this could not be written into the activity: {why}")


_LOST = "loopin.lost"


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
    for slip in settings.ignored:
        if slip not in told:
            told.add(slip)
            tell(f"loopin: {slip}")


def _note(ctx: click.Context, settings: Settings) -> None:
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
