"""Which calls get a worker, and when one that was cancelled gives it back."""

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar

import pytest

from app.server import executor
from app.server.executor import FairExecutor

PATIENCE = 30.0


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8) as made:
        yield made


async def test_work_runs_in_the_context_of_its_caller(pool: ThreadPoolExecutor) -> None:
    """The id of the request in the log, and the deadline."""
    value: ContextVar[str] = ContextVar("value")
    value.set("of the caller")
    assert await FairExecutor(pool).run("one", value.get) == "of the caller"


async def test_an_error_is_passed_on_and_gives_the_share_back(
    pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(executor, "SHARE", 1)
    fair = FairExecutor(pool)
    for _ in range(3):
        with pytest.raises(ValueError, match="invalid literal"):
            await fair.run("one", int, "x")


async def test_a_cancelled_call_has_its_share_until_its_worker_is_free(
    pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else one bearer that sends and cancels would have all workers."""
    monkeypatch.setattr(executor, "SHARE", 2)
    fair, begun, let_go, count = FairExecutor(pool), threading.Semaphore(0), threading.Event(), []

    def work() -> None:
        count.append(1)
        begun.release()
        assert let_go.wait(PATIENCE)

    def call(principal: str) -> "asyncio.Task[None]":
        return asyncio.create_task(fair.run(principal, work))

    greedy = [call("greedy") for _ in range(2)]
    for _ in greedy:
        assert await asyncio.to_thread(begun.acquire, timeout=PATIENCE)
    for task in greedy:
        task.cancel()
    await asyncio.gather(*greedy, return_exceptions=True)
    more = [call("greedy") for _ in range(2)]
    other = call("other")
    assert await asyncio.to_thread(begun.acquire, timeout=PATIENCE)
    assert len(count) == 3
    let_go.set()
    await asyncio.gather(other, *more)
    assert len(count) == 5
