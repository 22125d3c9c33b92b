"""What a load balancer is told, when the database does not answer or many ask."""

import asyncio
import threading
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from app.server.core import monitoring
from app.server.core.monitoring import Readiness

PATIENCE = 30.0


@dataclass
class FakeDatabase:
    """One that can be asked, and counts it; `answers` is what it waits for."""

    asked: int = 0
    last_write_failed: bool = False
    answers: threading.Event = field(default_factory=threading.Event)

    def check(self) -> None:
        self.asked += 1
        assert self.answers.wait(PATIENCE)


@dataclass
class FakeClock:
    """Seconds, moved by hand."""

    now: float = 100.0

    def __call__(self) -> float:
        return self.now


def readiness_of(database: FakeDatabase, clock: FakeClock) -> Readiness:
    return Readiness(cast("Any", database), clock)


async def test_an_answer_is_used_again_for_a_second() -> None:
    database, clock = FakeDatabase(), FakeClock()
    database.answers.set()
    readiness = readiness_of(database, clock)
    assert [await readiness.ready() for _ in range(3)] == [True] * 3
    assert database.asked == 1
    clock.now += monitoring.REUSE + 0.1
    assert await readiness.ready()
    assert database.asked == 2
    readiness.stop()
    assert not await readiness.ready()


async def test_a_write_that_failed_is_news() -> None:
    database = FakeDatabase()
    database.answers.set()
    readiness = readiness_of(database, FakeClock())
    await readiness.ready()
    database.last_write_failed = True
    await readiness.ready()
    assert database.asked == 2


async def test_a_database_that_does_not_answer_is_asked_once_and_waited_for_no_longer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(monitoring, "TIMEOUT", 0.01)
    database, clock = FakeDatabase(), FakeClock()
    readiness = readiness_of(database, clock)
    async with asyncio.timeout(PATIENCE):
        assert await asyncio.gather(*(readiness.ready() for _ in range(5))) == [False] * 5
        clock.now += 10
        assert not await readiness.ready()
    assert database.asked == 1
    database.answers.set()
    async with asyncio.timeout(PATIENCE):
        while not await readiness.ready():
            clock.now += 10
