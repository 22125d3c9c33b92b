"""What the activity log has of a change, by what became of its request."""

from dataclasses import replace

import pytest

from app.domain.activity import Action, Outcome
from app.domain.errors import Failed, LoopinError, PermissionDenied, Unreachable
from app.domain.tokens import TokenDraft
from app.services.journal import answer_lost
from tests.support import app as fakes

DRAFT = TokenDraft("ci-new", project="web")


async def outcomes(box: fakes.FakeContainer, action: Action) -> list[tuple[Outcome, str]]:
    """The entries of a change, newest first, with their details."""
    return [(e.outcome, e.detail) for e in await box.activity_log.entries() if e.action is action]


@pytest.mark.parametrize(
    ("error", "lost"), [(Unreachable("x"), True), (Failed("x"), True), (PermissionDenied("x"), False)]
)
def test_only_an_error_without_an_answer_leaves_it_open_what_the_server_did(
    error: LoopinError, lost: bool
) -> None:
    assert answer_lost(error) is lost
    assert not answer_lost(None)


async def test_a_creation_has_no_end_until_its_secret_was_handed_over() -> None:
    box = fakes.container()
    created = await box.token_creation.create_token(DRAFT)
    assert await outcomes(box, Action.CREATE) == [(Outcome.STARTED, "scope project/web")]
    await box.token_creation.end_creation(created.token, saved=True)
    await box.token_creation.end_creation(created.token, saved=False)
    assert await outcomes(box, Action.CREATE) == [(Outcome.DONE, "scope project/web")]


async def test_a_refused_creation_ends_as_failed() -> None:
    box = fakes.container()
    box.plane.lost["create_token"] = PermissionDenied("not yours")
    with pytest.raises(PermissionDenied):
        await box.token_creation.create_token(DRAFT)
    assert await outcomes(box, Action.CREATE) == [(Outcome.FAILED, "not yours")]


async def test_a_creation_whose_answer_was_lost_is_looked_up_in_the_list() -> None:
    box = fakes.container()
    box.plane.lost["create_token"] = Unreachable("the connection broke")
    with pytest.raises(Unreachable) as raised:
        await box.token_creation.create_token(DRAFT)
    assert "the token was created" in raised.value.hint
    (entry,) = await box.activity_log.interrupted()
    assert entry.detail == "scope project/web; its answer was lost"
    assert entry.subject_id in {token.id for token in box.plane.tokens}


async def test_a_rotation_records_the_creation_that_it_begins_with() -> None:
    box = fakes.container()
    listing = await box.tokens.list_tokens()
    old = next(token for token in listing.tokens if token.name == "ci-release")
    rotation = await box.rotation.create_successor(replace(old, permissions=()), listing)
    assert [outcome for outcome, _ in await outcomes(box, Action.CREATE)] == [Outcome.DONE]
    assert [outcome for outcome, _ in await outcomes(box, Action.ROTATE)] == [Outcome.STARTED]
    await box.rotation.end_rotation(rotation, revoke_old=False)
    assert await outcomes(box, Action.ROTATE) == [(Outcome.DONE, "both are kept")]
