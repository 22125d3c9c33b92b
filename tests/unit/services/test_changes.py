"""Changes run to their end once begun, whoever stops waiting for them."""

import asyncio
import gc
from typing import Any

import pytest

from app.domain.errors import Failed, LoopinError
from app.services.changes import Changes, End


class Server:
    """Answers when it is told to."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.stored: list[str] = []

    async def exchange_and_store(self) -> str:
        """One change: what was answered has to be stored."""
        self.asked.set()
        answer = await self.answer
        await asyncio.sleep(0)
        self.stored.append(answer)
        return answer


async def cancelled(caller: "asyncio.Task[Any]") -> None:
    """Cancel it, and see that it ends by that."""
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller


async def test_a_caller_gets_the_result_and_nothing_is_left() -> None:
    changes, server = Changes(), Server()
    server.answer.set_result("token")
    assert await changes.run("renewing", server.exchange_and_store()) == "token"
    assert changes.under_way() == ()
    assert changes.orphans() == ()


async def test_a_caller_gets_the_error() -> None:
    changes, server = Changes(), Server()
    server.answer.set_exception(Failed("the server failed"))
    with pytest.raises(Failed):
        await changes.run("renewing", server.exchange_and_store())
    assert changes.orphans() == ()


async def test_a_cancelled_caller_leaves_the_change_running() -> None:
    changes, server = Changes(), Server()
    caller = asyncio.create_task(changes.run("renewing", server.exchange_and_store()))
    await server.asked.wait()
    await cancelled(caller)
    assert changes.under_way() == ("renewing",)
    server.answer.set_result("token")
    assert await changes.finish()
    assert server.stored == ["token"]
    (orphan,) = changes.orphans()
    assert (orphan.end, orphan.words) == (End.DONE, "renewing: finished")


@pytest.mark.parametrize(
    ("error", "words", "hint"),
    [
        (Failed("it is down"), "it is down", ""),
        (ValueError("secret-not-real"), "something unexpected happened", "look"),
    ],
)
async def test_the_error_of_an_abandoned_change_is_told(error: Exception, words: str, hint: str) -> None:
    changes, server = Changes(), Server()
    caller = asyncio.create_task(changes.run("renewing", server.exchange_and_store(), hint="look"))
    await server.asked.wait()
    await cancelled(caller)
    server.answer.set_exception(error)
    await changes.finish()
    (orphan,) = changes.orphans()
    assert (orphan.end, orphan.words, orphan.hint) == (End.FAILED, f"renewing: failed: {words}", hint)


async def test_what_does_not_answer_is_not_waited_for_and_is_unknown() -> None:
    changes, server = Changes(), Server()
    caller = asyncio.create_task(changes.run("renewing", server.exchange_and_store(), hint="sign in again"))
    await server.asked.wait()
    await cancelled(caller)
    assert not await changes.finish(0)
    (orphan,) = changes.orphans()
    assert (orphan.end, orphan.hint) == (End.UNKNOWN, "sign in again")
    assert "it is not known whether it was done" in orphan.words
    server.answer.cancel()
    await changes.finish()
    assert [orphan.end for orphan in changes.orphans()] == [End.UNKNOWN]


async def test_what_is_cut_off_while_it_reads_is_not_begun() -> None:
    changes, server = Changes(), Server()
    caller = asyncio.create_task(changes.before("rotating", server.exchange_and_store()))
    await server.asked.wait()
    await cancelled(caller)
    (orphan,) = changes.orphans()
    assert (orphan.end, orphan.words) == (End.NOT_BEGUN, "rotating: not begun")


async def test_what_has_read_is_not_listed() -> None:
    changes, server = Changes(), Server()
    server.answer.set_result("token")
    assert await changes.before("rotating", server.exchange_and_store()) == "token"
    assert changes.orphans() == ()


async def test_a_change_inside_a_change_is_part_of_it() -> None:
    changes, server = Changes(), Server()

    async def rotate() -> str:
        return await changes.run("creating", server.exchange_and_store())

    caller = asyncio.create_task(changes.run("rotating", rotate()))
    await server.asked.wait()
    assert changes.under_way() == ("rotating",)
    await cancelled(caller)
    server.answer.set_result("token")
    await changes.finish()
    assert [orphan.doing for orphan in changes.orphans()] == ["rotating"]


async def test_the_wait_includes_what_begins_meanwhile() -> None:
    changes, first, second = Changes(), Server(), Server()
    callers = [asyncio.create_task(changes.run("signing out", first.exchange_and_store()))]
    await first.asked.wait()
    waiting = asyncio.create_task(changes.finish())
    callers.append(asyncio.create_task(changes.run("noting", second.exchange_and_store())))
    await second.asked.wait()
    first.answer.set_result("first")
    await callers[0]
    assert not waiting.done()
    second.answer.set_result("second")
    assert await waiting
    assert second.stored == ["second"]
    await callers[1]


async def test_two_changes_of_one_name_are_named_once() -> None:
    changes, callers = Changes(), []
    servers = [Server(), Server()]
    for server in servers:
        callers.append(asyncio.create_task(changes.run("renewing", server.exchange_and_store())))
        await server.asked.wait()
    assert changes.under_way() == ("renewing",)
    for server in servers:
        server.answer.set_result("")
    await changes.finish()
    await asyncio.gather(*callers)


async def test_an_error_of_an_abandoned_change_is_not_reported_by_asyncio(
    caplog: pytest.LogCaptureFixture,
) -> None:
    changes, server = Changes(), Server()
    caller = asyncio.create_task(changes.run("renewing", server.exchange_and_store()))
    await server.asked.wait()
    await cancelled(caller)
    server.answer.set_exception(LoopinError("no"))
    await changes.finish()
    del caller, server
    gc.collect()
    assert caplog.records == []


async def test_what_has_just_ended_is_not_under_way() -> None:
    """Its callback runs later than a caller that has waited in its own way."""
    changes, seen = Changes(), asyncio.Event()

    async def work() -> None:
        seen.set()

    caller = asyncio.create_task(changes.run("signing in", work()))
    await seen.wait()
    assert changes.under_way() == ()
    changes.close()
    await changes.finish()
    assert changes.orphans() == ()
    await caller


async def test_a_result_reaches_the_caller_or_is_told_whenever_the_caller_is_cancelled() -> None:
    """Also when both happen in one turn of the event loop."""
    outcomes = []
    for turns in range(1, 10):
        changes = Changes()
        caller = asyncio.create_task(changes.run("creating", _create(), lost=lambda name: f"{name} is lost"))
        for _ in range(turns):
            await asyncio.sleep(0)
        caller.cancel()
        await asyncio.gather(caller, return_exceptions=True)
        await changes.finish()
        told = [orphan.hint for orphan in changes.orphans()]
        assert told == (["ci-new is lost"] if caller.cancelled() else []), turns
        outcomes.append(caller.cancelled())
    assert set(outcomes) == {True, False}


@pytest.mark.parametrize("turns", range(1, 10))
async def test_a_change_is_listed_once_when_the_program_ends_while_its_caller_is_cancelled(
    turns: int,
) -> None:
    changes = Changes()
    caller = asyncio.create_task(changes.run("creating", _create()))
    await asyncio.sleep(0)
    changes.close()
    for _ in range(turns):
        await asyncio.sleep(0)
    caller.cancel()
    await asyncio.gather(caller, return_exceptions=True)
    await changes.finish()
    assert [orphan.doing for orphan in changes.orphans()].count("creating") <= 1


async def _create() -> str:
    await asyncio.sleep(0)
    return "ci-new"
