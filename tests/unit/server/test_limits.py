"""Who waits for what, and who is refused."""

import asyncio
import threading

import pytest

from app.domain.errors import RateLimited
from app.server.limits import Busy, FairShare, Limit

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
    shares, inside, over = FairShare(2), [], asyncio.Event()

    async def call(principal: str) -> None:
        async with shares.hold(principal):
            inside.append(principal)
            await over.wait()

    calls = [asyncio.create_task(call("greedy")) for _ in range(5)]
    await asyncio.sleep(0)
    calls.append(asyncio.create_task(call("other")))
    await asyncio.sleep(0)
    assert sorted(inside) == ["greedy", "greedy", "other"]
    over.set()
    await asyncio.gather(*calls)
    assert inside.count("greedy") == 5


async def test_who_gives_up_waiting_leaves_nothing_behind() -> None:
    shares, over = FairShare(1), asyncio.Event()

    async def call() -> None:
        async with shares.hold("one"):
            await over.wait()

    first, second = asyncio.create_task(call()), asyncio.create_task(call())
    await asyncio.sleep(0)
    second.cancel()
    over.set()
    await asyncio.gather(first, second, return_exceptions=True)
    async with asyncio.timeout(PATIENCE), shares.hold("one"):
        pass
