"""Moments at the edge of the calendar on the screens, east and west of UTC."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from app.domain.claims import USER_AUDIENCE
from app.domain.tokens import APIToken
from tests.support import app as fakes
from tests.support.pages.accounts import AccountsPage
from tests.support.pages.login import CHAINLOOP_TOKEN, at_the_choice, signed_out
from tests.support.pages.page import SIZE, opened
from tests.support.rooms import at_tokens, story

ZERO = datetime(1, 1, 1, tzinfo=UTC)
"""What Go's `time.Time{}` is on the wire."""
LAST_DAY = datetime(9999, 12, 31, 23, 0, tzinfo=UTC)
EDGES = (ZERO, LAST_DAY)
pytestmark = pytest.mark.parametrize("zone", ["Pacific/Auckland", "America/New_York"], indirect=True)


def at_the_edge(token: APIToken, moment: datetime) -> APIToken:
    """The token with `moment` in every place that has one, as a server that does not care sends it."""
    return replace(token, created_at=moment, expires_at=moment, last_used_at=moment)


@pytest.mark.parametrize("moment", EDGES)
async def test_the_tokens_room_shows_any_moment(zone: str, moment: datetime) -> None:
    """In every tab and order, with the detail of each row."""
    box = story()
    usual, *others = box.plane.tokens[:4]
    box.plane.tokens = [usual, *(at_the_edge(token, moment) for token in others)]
    box.plane.tokens.append(replace(box.plane.tokens[-1], id="revoked", name="gone", revoked_at=moment))
    async with at_tokens(box, SIZE) as tokens:
        await tokens.previous_tab()
        assert len(tokens.names()) == 5
        for name in tokens.names():
            await tokens.reads(name)
            await tokens.down()


@pytest.mark.parametrize("moment", EDGES)
async def test_a_session_may_end_at_any_moment(zone: str, moment: datetime) -> None:
    """`exp` of a JWT is a number that its issuer chose."""
    box = fakes.container()
    seconds = int(moment.timestamp())
    box.claims = lambda token: {"aud": [USER_AUDIENCE], "exp": seconds}
    async with opened(AccountsPage, fakes.app(box), SIZE) as accounts:
        await accounts.until(lambda: "acme" in accounts.text())


@pytest.mark.parametrize("moment", EDGES)
async def test_a_pasted_token_may_end_at_any_moment(zone: str, moment: datetime) -> None:
    """The form tells what a token says of itself while it is typed, and the panel when it is stored."""
    box = signed_out()
    seconds = int(moment.timestamp())
    box.claims = lambda token: {
        "aud": ["api-token-auth.chainloop"],
        "org_name": "acme",
        "exp": seconds,
    }
    async with at_the_choice(box) as login:
        await login.choose(CHAINLOOP_TOKEN)
        field = await login.form("token")
        field.value = fakes.CI_TOKEN.reveal()
        await login.reads("it says: organization acme")
        await login.press("enter")
        await login.signed_in()


@pytest.mark.parametrize("typed", ["9999-12-31", "0001-01-01", "2127-01-01"])
async def test_a_last_day_that_nobody_can_mean_is_refused(zone: str, typed: str) -> None:
    """With the reason, and the form stays."""
    async with at_tokens() as tokens:
        form = await tokens.new()
        await form.write("ci-new")
        await form.life("right", "right")
        await form.date(typed)
        await form.until(lambda: "✗" in form.text())
        assert not form.can_create()


async def test_a_last_day_ends_at_its_own_midnight(zone: str) -> None:
    """Also on the other side of the change to summer time: the offset is that day's."""
    async with at_tokens() as tokens:
        form = await tokens.new()
        await form.write("ci-new")
        await form.life("right", "right")
        for day in ("2026-07-01", "2026-12-31"):
            await form.date(day)
            await form.reads("at 23:59")
