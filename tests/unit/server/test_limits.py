"""Who waits for what, and who is refused."""

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar

import pytest

from app.domain.errors import RateLimited
from app.server import limits
from app.server.limits import Busy, FairExecutor, FairShare, Limit

PATIENCE = 30.0


def test_a_limit_refuses_who_finds_no_room_in_time() -> None:
    limit = Limit(1, 0.0, Busy)
    with limit.hold():
        with pytest.raises(RateLimited) as refused, limit.hold():
            pass
        assert refused.value.retry_after
    with limit.hold():
        pass


def test_a_limit_lets_in_who_waits_until_there_is_room() -> None:
    limit, inside, order = Limit(1, PATIENCE, Busy), threading.Event(), []

    def wait() -> None:
        inside.set()
        with limit.hold():
            order.append("second")

    with limit.hold():
        waiting = threading.Thread(target=wait)
        waiting.start()
        assert inside.wait(PATIENCE)
        order.append("first")
    waiting.join(PATIENCE)
    assert order == ["first", "second"]


async def test_each_principal_has_its_share_and_waits_for_nobody_else() -> None:
    shares, inside, over = FairShare(2, 60, 400), [], asyncio.Event()

    async def call(principal: str) -> None:
        await shares.enter(principal)
        inside.append(principal)
        await over.wait()
        shares.leave(principal)

    calls = [asyncio.create_task(call("greedy")) for _ in range(5)]
    await asyncio.sleep(0)
    calls.append(asyncio.create_task(call("other")))
    await asyncio.sleep(0)
    assert sorted(inside) == ["greedy", "greedy", "other"]
    over.set()
    await asyncio.gather(*calls)
    assert inside.count("greedy") == 5


async def test_who_gives_up_waiting_leaves_nothing_behind() -> None:
    shares = FairShare(1, 2, 2)
    await shares.enter("one")
    second = asyncio.create_task(shares.enter("one"))
    await asyncio.sleep(0)
    second.cancel()
    await asyncio.gather(second, return_exceptions=True)
    shares.leave("one")
    async with asyncio.timeout(PATIENCE):
        await shares.enter("one")
        await shares.enter("two")


async def test_one_principal_does_not_fill_the_whole_queue() -> None:
    shares = FairShare(1, 3, 4)
    await shares.enter("greedy")
    waiting = [asyncio.create_task(shares.enter("greedy")) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(Busy):
        await shares.enter("greedy")
    await shares.enter("other")
    with pytest.raises(Busy):
        await shares.enter("third")
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    await shares.enter("third")


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
    monkeypatch.setattr(limits, "SHARE", 1)
    fair = FairExecutor(pool)
    for _ in range(3):
        with pytest.raises(ValueError, match="invalid literal"):
            await fair.run("one", int, "x")


async def test_a_cancelled_call_has_its_share_until_its_worker_is_free(
    pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else one bearer that sends and cancels would have all workers."""
    monkeypatch.setattr(limits, "SHARE", 2)
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
