"""What one invocation of a command works with: settings, one container, one event loop."""

import asyncio
import signal
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, TypeVar

import click

from app.cli import debug
from app.cli.exit_codes import Stopped, print_stderr
from app.cli.options import ineffective_options, settings_flags
from app.domain.errors import Refused
from app.domain.event_loop import LoopRunner
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


class Invocation:
    """One container and one event loop, made on first use and closed with the root context."""

    def __init__(self, containers: "Callable[[Settings], Container]" = real_container) -> None:
        self._containers = containers
        self._container: Container | None = None
        self._runner = LoopRunner()

    def open(
        self, ctx: click.Context, flags: Mapping[str, str | None] | None = None, *, warn: bool = True
    ) -> "Container":
        """Return the container, made from the settings with `flags` laid over those that were given.

        `warn` writes what stands in config.toml and is not read to standard error. Raise UsageError.
        """
        if self._container is None:
            settings = load(flags=settings_flags(ctx, **(flags or {})))
            notify = _notifier()
            _log_settings(ctx, settings)
            for option in ineffective_options(ctx) if debug.active() else ():
                notify(f"{option} has no effect: Loopin moves no artifacts")
            for problem in settings.warnings if warn else ():
                print_stderr(f"loopin: {problem}")
            self._container = self._containers(settings)
            self._container.notify = notify
            self._runner = LoopRunner()
            ctx.find_root().call_on_close(self.close)
        return self._container

    def run(self, ctx: click.Context, use: "Callable[[Container], Awaitable[T]]", **flags: str | None) -> T:
        """Give `use` the container and return what it returns; `flags` as for `open`.

        A command that asks a question calls this before and after it: a question inside the event loop could
        not be cancelled with ctrl+c. Ctrl+c, SIGTERM, SIGHUP and SIGQUIT cancel `use`; changes that it has
        begun are waited for, 5 s at most, and how they ended is reported. A second signal ends it at once.
        Raise Stopped after a signal.
        """
        container = self.open(ctx, flags)

        async def work() -> T:
            try:
                return await use(container)
            finally:
                await _finish_changes(_changes_of(container))

        try:
            return self._run(work)
        except KeyboardInterrupt:
            # The loop gets the turn that it needs to note how its tasks ended.
            self.close()
            raise
        finally:
            self._report_orphans(_changes_of(container))

    def close(self) -> None:
        """Close the container and the event loop; a second time does nothing."""
        container, self._container = self._container, None
        try:
            if container is not None:
                self._run(container.aclose)
        finally:
            self._runner.close()

    def _run(self, work: Callable[[], Awaitable[T]]) -> T:
        signals: list[int] = []

        async def cancellable() -> T:
            with _cancelled_by_signals(signals):
                return await work()

        try:
            return self._runner.run(cancellable())
        except asyncio.CancelledError:
            if signals:
                raise Stopped(signals[0]) from None
            raise

    def _report_orphans(self, changes: "Changes | None") -> None:
        """Say how changes ended whose caller had gone; what is still under way ends here."""
        if changes is None:
            return
        if changes.under_way():
            self.close()
        for orphan in changes.orphans():
            if orphan.error is not None:
                debug.note(orphan.error)
            print_stderr(f"loopin: {clean(orphan.words)}")
            if orphan.hint:
                print_stderr(f"  next: {clean(orphan.hint)}")
        changes.reopen()


def invocation(ctx: click.Context) -> Invocation:
    """The one that `ctx` belongs to."""
    return ctx.ensure_object(Invocation)


def run(ctx: click.Context, use: "Callable[[Container], Awaitable[T]]", **flags: str | None) -> T:
    """Run `use` in the invocation that `ctx` belongs to; see `Invocation.run`."""
    return invocation(ctx).run(ctx, use, **flags)


@contextmanager
def _cancelled_by_signals(signals: list[int]) -> Iterator[None]:
    """While inside, SIGTERM, SIGHUP and SIGQUIT cancel the current task and are appended to `signals`."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()

    def stop(number: int) -> None:
        signals.append(number)
        if task is not None:
            task.cancel()

    handled = []
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        # What the caller had ignored (nohup) stays ignored. Outside the main thread no signal is heard.
        with suppress(NotImplementedError, RuntimeError, ValueError):
            if signal.getsignal(number) is not signal.SIG_IGN:
                loop.add_signal_handler(number, stop, number)
                handled.append(number)
    try:
        yield
    finally:
        for number in handled:
            loop.remove_signal_handler(number)


def _changes_of(container: "Container") -> "Changes | None":
    # Without a change nothing has asked for the registry.
    return vars(container).get("changes")


async def _finish_changes(changes: "Changes | None") -> None:
    """Wait for what was begun; where that takes longer than a moment, say for what."""
    if changes is None or not changes.under_way():
        return
    changes.close()
    if not await changes.finish(_MOMENT):
        names, seconds = clean(", ".join(changes.under_way())), changes.grace
        print_stderr(
            f"loopin: waiting {seconds:g} s at most for this to finish: {names}; ctrl+c ends at once"
        )
        await changes.finish(seconds - _MOMENT)


_MOMENT = 0.3


def _notifier() -> Callable[[str], None]:
    """Write what a service has for the person to standard error, each sentence once."""
    written: set[str] = set()

    def notify(text: str) -> None:
        if text not in written:
            written.add(text)
            print_stderr(f"loopin: {clean(text)}")

    return notify


@contextmanager
def advising(hint: str) -> Iterator[None]:
    """Give a refusal that names no next step this one."""
    try:
        yield
    except Refused as error:
        error.hint = error.hint or hint
        raise


def _log_settings(ctx: click.Context, settings: Settings) -> None:
    chainloop, gumloop = settings.chainloop, settings.gumloop
    for secret in (chainloop.flag, chainloop.environment, gumloop.access_token, gumloop.api_key):
        if secret is not None:
            debug.hide(secret.reveal())
    endpoint = chainloop.endpoint or chainloop.default
    debug.note(
        "%s: profile %s, organization %s, endpoint %s%s, config %s",
        ctx.command_path,
        chainloop.profile,
        chainloop.organization or "(current)",
        endpoint.address,
        " in plain text" if endpoint.insecure else "",
        settings.config_dir,
    )
