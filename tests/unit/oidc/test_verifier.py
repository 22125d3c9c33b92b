"""How an issuer's keys are remembered, and when they are read again."""

import asyncio
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from joserfc.jwk import ECKey, RSAKey

from app.domain.errors import BadReply, LoopinError, TokenRejected, Unreachable
from app.domain.event_loop import run_to_end
from app.oidc import verifier as module
from app.oidc.verifier import Verifier
from tests.support.issuer import Issuer, rsa_key
from tests.support.published import Published

URL = "https://gitlab.example"
PATIENCE = 30.0


class World:
    """An issuer, a clock that is moved by hand, and the verifier between them."""

    def __init__(self) -> None:
        self.issuer = Issuer(URL)
        self.published = Published(URL, [rsa_key(0)])
        self.tick = 1000.0
        self.verifier = Verifier(self.published, lambda: self.tick)

    async def verify(self) -> None:
        await self.verifier.verify(self.issuer.token(), URL, now=datetime.now(UTC))

    async def refused(self) -> LoopinError:
        with pytest.raises(LoopinError) as caught:
            await self.verify()
        return caught.value

    def rotate(self) -> None:
        self.issuer.key = rsa_key(1)
        self.published.keys = [rsa_key(1)]

    @property
    def reads(self) -> int:
        return sum(url.endswith("/keys") for url in self.published.asked)


async def test_keys_are_read_once_and_again_after_an_hour() -> None:
    """A key that the issuer took back dies with the hour."""
    world = World()
    for _ in range(5):
        await world.verify()
    assert world.reads == 1
    world.tick += module.LIFE
    await world.verify()
    assert world.reads == 2
    world.published.keys = [rsa_key(1)]
    world.tick += module.LIFE
    assert isinstance(await world.refused(), TokenRejected)


async def test_a_new_key_is_found_when_a_token_names_it() -> None:
    """Rotation needs no restart."""
    world = World()
    await world.verify()
    world.rotate()
    world.tick += module.REFRESH
    await world.verify()
    assert world.reads == 2


async def test_made_up_key_ids_do_not_make_us_ask_again_and_again() -> None:
    """At most one read in thirty seconds, whatever is sent."""
    world = World()
    await world.verify()
    world.issuer.key = rsa_key(1)
    for _ in range(50):
        error = await world.refused()
        assert isinstance(error, TokenRejected)
        assert error.code == "unknown_key"
    assert world.reads == 1
    world.tick += module.REFRESH
    await world.refused()
    assert world.reads == 2


async def test_an_issuer_that_is_down_is_left_alone_for_a_while() -> None:
    """The refusal is remembered, with its sentence, and forgotten after ten seconds."""
    world = World()
    world.published.fails = Unreachable("gitlab.example cannot be reached", hint="wait")
    first = await world.refused()
    again = await world.refused()
    assert (again.message, again.hint, type(again)) == (first.message, first.hint, Unreachable)
    assert len(world.published.asked) == 1
    world.published.fails = None
    world.tick += module.REST
    await world.verify()


async def test_a_failed_refresh_does_not_end_the_keys_that_are_there() -> None:
    """Somebody sends a made-up key id while the issuer is down: good tokens stay good."""
    world = World()
    await world.verify()
    world.published.fails = BadReply("garbage")
    world.issuer.key = rsa_key(1)
    world.tick += module.REFRESH
    assert isinstance(await world.refused(), BadReply)
    world.issuer.key = rsa_key(0)
    await world.verify()


async def test_a_token_of_another_issuer_makes_us_ask_nobody() -> None:
    """Its claim decides nothing."""
    world = World()
    foreign = Issuer("https://evil.example").token()
    with pytest.raises(TokenRejected, match=r"issued by https:.*evil"):
        await world.verifier.verify(foreign, URL, now=datetime.now(UTC))
    assert world.published.asked == []


async def test_an_issuer_must_describe_itself() -> None:
    """OpenID Connect Discovery 1.0 §4.3: the document names the issuer it was asked for."""
    world = World()
    world.published.url = "https://evil.example"
    assert "describes another issuer" in (await world.refused()).message


class Blocking(Published):
    """An issuer whose answers come when they are let go."""

    def __init__(self, url: str, keys: list[RSAKey | ECKey]) -> None:
        super().__init__(url, keys)
        self.begun, self.answer = threading.Event(), threading.Event()

    async def document(self, url: str, headers: Mapping[str, str] | None = None) -> Mapping[str, Any]:
        """Wait, and answer."""
        self.begun.set()
        await asyncio.to_thread(self.answer.wait, PATIENCE)
        return await super().document(url, headers)


async def test_calls_that_need_the_same_keys_wait_for_one_read() -> None:
    """On one event loop and in another thread. The one that reads may be cancelled."""
    world = World()
    issuer = Blocking(URL, world.published.keys)
    world.verifier = Verifier(issuer, lambda: world.tick)
    first = asyncio.create_task(world.verify())
    await asyncio.to_thread(issuer.begun.wait, PATIENCE)
    others = [asyncio.create_task(world.verify()) for _ in range(20)]
    thread = asyncio.create_task(asyncio.to_thread(run_to_end, world.verify()))
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    issuer.answer.set()
    await asyncio.gather(*others, thread)
    assert [url for url in issuer.asked if url.endswith("/keys")] == [f"{URL}/keys"]


async def test_while_old_keys_are_read_again_only_one_call_waits() -> None:
    world = World()
    issuer = Blocking(URL, world.published.keys)
    world.verifier = Verifier(issuer, lambda: world.tick)
    issuer.answer.set()
    await world.verify()
    world.tick += module.LIFE
    issuer.begun.clear()
    issuer.answer.clear()
    first = asyncio.create_task(world.verify())
    await asyncio.to_thread(issuer.begun.wait, PATIENCE)
    for _ in range(3):
        await world.verify()
    assert not first.done()
    issuer.answer.set()
    await first


async def test_keys_that_cannot_be_read_again_are_good_for_a_day() -> None:
    world = World()
    await world.verify()
    world.tick += module.LIFE
    world.published.fails = Unreachable("it is down")
    await world.verify()
    world.tick += module.STALE
    with pytest.raises(Unreachable):
        await world.verify()


async def test_a_key_that_was_taken_back_is_not_served_stale() -> None:
    world = World()
    await world.verify()
    world.tick += module.LIFE
    world.published.keys = [rsa_key(1)]
    with pytest.raises(TokenRejected):
        await world.verify()
