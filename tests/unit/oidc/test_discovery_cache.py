"""An issuer's description is read once in a while, and used on while the issuer does not answer."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from app.domain.errors import BadReply, LoopinError, Unreachable
from app.oidc.discovery import LIFE, REST, Discovery, DiscoveryCache
from tests.support.clocks import ManualClock

DOWN = Unreachable("login.example did not answer", hint="try again in a moment")


class Issuer:
    """Answers with `next`, which counts up, or raises `problem`; waits for `hold` first."""

    def __init__(self) -> None:
        self.asked = 0
        self.problem: LoopinError | None = None
        self.hold = threading.Event()
        self.hold.set()
        self.arrived = threading.Event()

    async def read(self) -> Discovery:
        self.asked += 1
        self.arrived.set()
        assert self.hold.wait(30)
        if self.problem:
            raise self.problem
        return Discovery(f"https://{self.asked}.example", "", {})


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def issuer() -> Issuer:
    return Issuer()


@pytest.fixture
def cache(issuer: Issuer, clock: ManualClock) -> DiscoveryCache:
    return DiscoveryCache(issuer.read, clock.monotonic)


def test_it_is_read_once_in_its_life(cache: DiscoveryCache, issuer: Issuer, clock: ManualClock) -> None:
    first = cache.get()
    clock.advance(LIFE - 1)
    assert cache.get() is first
    clock.advance(1)
    assert cache.get() is not first
    assert issuer.asked == 2


def test_an_issuer_that_does_not_answer_is_used_as_it_was(
    cache: DiscoveryCache, issuer: Issuer, clock: ManualClock
) -> None:
    first = cache.get()
    issuer.problem = DOWN
    for _ in range(5):
        clock.advance(LIFE)
        assert [cache.get() for _ in range(3)] == [first] * 3
    assert issuer.asked == 6
    issuer.problem = None
    clock.advance(REST)
    assert cache.get() is not first


def test_an_issuer_that_has_become_another_is_not_used(
    cache: DiscoveryCache, issuer: Issuer, clock: ManualClock
) -> None:
    cache.get()
    issuer.problem = BadReply("it describes another issuer")
    clock.advance(LIFE)
    for _ in range(2):
        with pytest.raises(BadReply, match="another issuer"):
            cache.get()
    assert issuer.asked == 2


def test_an_issuer_that_never_answered_is_asked_again_after_a_rest(
    cache: DiscoveryCache, issuer: Issuer, clock: ManualClock
) -> None:
    issuer.problem = DOWN
    for _ in range(3):
        with pytest.raises(Unreachable, match="did not answer") as caught:
            cache.get()
        assert caught.value.hint == DOWN.hint
    assert issuer.asked == 1
    issuer.problem = None
    clock.advance(REST)
    assert cache.get()


def test_nobody_waits_for_a_new_description_but_the_one_who_asks(
    cache: DiscoveryCache, issuer: Issuer, clock: ManualClock
) -> None:
    first = cache.get()
    clock.advance(LIFE)
    issuer.hold.clear()
    issuer.arrived.clear()
    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(cache.get)
        assert issuer.arrived.wait(30)
        assert cache.get() is first
        issuer.hold.set()
        assert asking.result(30) is not first


def test_many_who_ask_first_share_one_answer(cache: DiscoveryCache, issuer: Issuer) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: cache.get(), range(8)))
    assert {id(one) for one in found} == {id(found[0])}
    assert issuer.asked == 1
