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
