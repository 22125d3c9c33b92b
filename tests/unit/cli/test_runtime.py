"""One invocation of a command has one container and one event loop, and closes both."""

import asyncio
import os

import click
import pytest

from app.bootstrap import Container
from app.cli.runtime import Invocation, run
from app.settings import Settings
from tests.support.app import FakeContainer
from tests.support.cli import in_process
from tests.support.rooms import story


def test_a_command_of_several_steps_makes_one_container_and_closes_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made, closed = list[FakeContainer](), list[FakeContainer]()

    def containers(settings: Settings) -> Container:
        made.append(story())
        return made[-1]

    async def aclose(container: FakeContainer) -> None:
        closed.append(container)

    monkeypatch.setattr(FakeContainer, "aclose", aclose)
    environment = {**os.environ, "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring"}
    update = ("chainloop", "organization", "update", "--api-token-max-days-inactive", "60")
    assert in_process(update, environment, containers=containers).code == 0
    assert len(made) == 1
    assert closed == made


def test_the_steps_share_an_event_loop_that_is_closed_with_the_context() -> None:
    async def loop_of(container: Container) -> asyncio.AbstractEventLoop:
        return asyncio.get_running_loop()

    def containers(settings: Settings) -> Container:
        return FakeContainer(settings, signed_in=True)

    with click.Context(click.Command("any"), obj=Invocation(containers)) as ctx:
        first, second = run(ctx, loop_of), run(ctx, loop_of)
        assert first is second
        assert not first.is_closed()
    assert first.is_closed()


def test_a_closed_invocation_can_be_used_again() -> None:
    async def nothing(container: Container) -> Container:
        return container

    invocation = Invocation(lambda settings: FakeContainer(settings, signed_in=True))
    with click.Context(click.Command("any"), obj=invocation) as ctx:
        first = run(ctx, nothing)
        invocation.close()
        assert run(ctx, nothing) is not first
