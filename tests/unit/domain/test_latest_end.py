"""By when an API token has to end that another one creates."""

from datetime import datetime, timedelta

import pytest

from app.domain import expiry
from app.domain.claims import USER_AUDIENCE, latest_end_of
from app.domain.errors import UsageError
from tests.support.sample import NOW

DAY = timedelta(days=1)

EXP = int((NOW + 20 * DAY).timestamp())
OWN = {"aud": "api-token-auth.chainloop", "iss": "loopin", "exp": EXP}


@pytest.mark.parametrize(
    ("claims", "latest"),
    [
        (OWN, NOW + 20 * DAY),
        # A stock control plane sets no such limit.
        (OWN | {"iss": "cp.chainloop"}, None),
        (OWN | {"aud": USER_AUDIENCE}, None),
        ({key: value for key, value in OWN.items() if key != "exp"}, None),
        (OWN | {"exp": "soon"}, None),
    ],
)
def test_an_api_token_of_the_account_server_limits_what_it_creates(
    claims: dict[str, object], latest: datetime | None
) -> None:
    assert latest_end_of(claims) == latest


def test_only_what_fits_is_offered_and_the_latest_end() -> None:
    assert expiry.choices(NOW, None) == expiry.CHOICES
    offered = [life.title for life in expiry.choices(NOW, NOW + 40 * DAY)]
    assert offered == ["7 days", "30 days", "until a date", "as late as allowed"]
    assert [life.title for life in expiry.choices(NOW, NOW + DAY)] == ["until a date", "as late as allowed"]


def test_a_life_may_end_with_the_token_in_effect_and_not_later() -> None:
    latest = NOW + 20 * DAY
    for life in (timedelta(hours=1), 20 * DAY, expiry.longest(NOW, latest)):
        expiry.check_end(life, NOW, latest)
    expiry.check_end(None, NOW, None)
    for too_long in (20 * DAY + timedelta(seconds=1), None, timedelta.max):
        with pytest.raises(UsageError, match="the latest end allowed is 2026-04-03T12:04:31Z") as raised:
            expiry.check_end(too_long, NOW, latest)
        assert raised.value.hint == "choose 19d or less"


@pytest.mark.parametrize(
    ("left", "hint"), [(timedelta(hours=30), "1d"), (timedelta(hours=9), "8h"), (timedelta(minutes=9), "8m")]
)
def test_the_hint_is_what_one_types(left: timedelta, hint: str) -> None:
    with pytest.raises(UsageError) as raised:
        expiry.check_end(None, NOW, NOW + left)
    assert raised.value.hint == f"choose {hint} or less"


def test_a_token_that_is_about_to_end_creates_none() -> None:
    for refused in (expiry.longest, lambda now, latest: expiry.check_end(None, now, latest)):
        with pytest.raises(UsageError, match="too soon to create another"):
            refused(NOW, NOW + timedelta(seconds=59))
