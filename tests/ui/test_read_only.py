"""Read-only mode on the screens: said in the frame, and nothing is sent."""

from dataclasses import replace

import pytest

from app.domain.errors import LoopinError, ReadOnly
from app.domain.read_only import ReadOnlyMode
from app.domain.tokens import TokenDraft
from tests.support import app as fakes
from tests.support.rooms import at_threshold, at_tokens, story

CHANGES = {"create_token", "revoke_token", "set_threshold", "select_membership", "sign_out"}


def locked(mode: ReadOnlyMode) -> fakes.FakeContainer:
    """The story, under a read-only mode."""
    box = story()
    chainloop = box.settings.chainloop._replace(read_only=mode)
    box.settings = replace(box.settings, chainloop=chainloop)
    return box


EVERYTHING = ReadOnlyMode(everything=True)


async def test_the_actions_stay_visible_and_say_why_they_do_nothing() -> None:
    box = locked(EVERYTHING)
    async with at_tokens(box) as room:
        assert "READ-ONLY" in room.text().splitlines()[0]
        assert {"new": False, "revoke": False}.items() <= room.footer().items()
        await room.ask_for_new()
        await room.until(lambda: "Read-only mode is on." in room.toasts())
        await room.ask_to_revoke()
        await room.ask_to_rotate()
        await room.rest()
        assert room.screen is room.room
        assert not CHANGES & set(box.plane.calls)


async def test_one_profile_alone_can_be_read_only() -> None:
    box = locked(ReadOnlyMode(profiles=frozenset({"default"})))
    async with at_threshold(box) as room:
        await room.reads("Read-only. Profile default is read-only, says config.toml.")
        await room.until(lambda: "READ-ONLY" in room.text().splitlines()[0])
    other = locked(ReadOnlyMode(profiles=frozenset({"prod"})))
    async with at_tokens(other) as tokens:
        assert "READ-ONLY" not in tokens.text()
        assert tokens.footer()["new"]


async def _create(box: fakes.FakeContainer) -> object:
    return await box.token_creation.create_token(TokenDraft("ci-new"))


async def _revoke(box: fakes.FakeContainer) -> object:
    return await box.revocation.revoke_tokens([(box.plane.tokens[0].id, "x")])


async def _rotate(box: fakes.FakeContainer) -> object:
    listing = await box.tokens.list_tokens()
    box.plane.calls.clear()
    return await box.rotation.create_successor(listing.tokens[0], listing)


async def _threshold(box: fakes.FakeContainer) -> object:
    return await box.threshold.update_threshold(30)


async def _switch(box: fakes.FakeContainer) -> object:
    return await box.organizations.switch_organization("globex", default=True)


async def _sign_out(box: fakes.FakeContainer) -> object:
    return await box.chainloop_sign_out.sign_out()


@pytest.mark.parametrize("change", [_create, _revoke, _rotate, _threshold, _switch, _sign_out])
async def test_no_service_sends_a_change(change: object) -> None:
    """Nothing is asked, sent or written into the trail."""
    box = locked(EVERYTHING)
    assert callable(change)
    with pytest.raises(ReadOnly, match="read-only mode is on"):
        await change(box)
    assert box.plane.calls == []
    assert box.fake_activity.lines == []
    assert box.fake_vault.entries


async def test_a_service_that_forgot_to_ask_is_stopped_by_the_gateway() -> None:
    box = locked(EVERYTHING)
    gateway = await box.chainloop_session.open_gateway()
    for call in (
        gateway.create_token(TokenDraft("x")),
        gateway.revoke_token("x"),
        gateway.set_threshold("acme", 1),
        gateway.select_membership("m-globex"),
        gateway.sign_out(),
    ):
        with pytest.raises(LoopinError) as caught:
            await call
        assert type(caught.value) is ReadOnly
    assert not CHANGES & set(box.plane.calls)
    assert (await gateway.current()).membership is not None
