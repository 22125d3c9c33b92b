"""The result of an event loop never becomes text."""

import asyncio
import signal
from collections.abc import Iterator

import click
import pytest

from app.bootstrap import Container
from app.cli.runtime import Invocation, run
from app.domain.event_loop import run_to_end
from app.settings import Settings
from tests.support.app import FakeContainer


class Unshown:
    """A result that must not be shown: a list of thousands, or one that holds a secret."""

    def __repr__(self) -> str:
        raise AssertionError("the result was formatted")


@pytest.fixture(autouse=True)
def _interrupts_as_in_a_command() -> Iterator[None]:
    """asyncio formats the result where ctrl+c has Python's own handler, as in a command."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


async def result() -> Unshown:
    await asyncio.sleep(0)
    return Unshown()


def test_a_result_is_returned_and_not_formatted() -> None:
    assert isinstance(run_to_end(result()), Unshown)


def test_the_result_of_a_command_is_not_formatted() -> None:
    async def use(container: Container) -> Unshown:
        return await result()

    def containers(settings: Settings) -> Container:
        return FakeContainer(settings, signed_in=True)

    with click.Context(click.Command("any"), obj=Invocation(containers)) as ctx:
        assert isinstance(run(ctx, use), Unshown)


def test_an_error_and_a_cancellation_pass_through() -> None:
    async def fails() -> None:
        raise ValueError("as it is")

    async def gives_up() -> None:
        raise asyncio.CancelledError

    with pytest.raises(ValueError, match="as it is"):
        run_to_end(fails())
    with pytest.raises(asyncio.CancelledError):
        run_to_end(gives_up())
