"""Twenty processes, one login that has ended, a refresh token that works once."""

import pytest

from tests.integration.gumloop.conftest import Signer
from tests.support.cli import Loopin
from tests.support.gumloop_stub import Gumloop

PROCESSES = 20


@pytest.mark.usefixtures("secret_service")
def test_exactly_one_renews_and_nobody_is_signed_out(
    command: Loopin, gumloop: Gumloop, sign_in: Signer
) -> None:
    sign_in().works()
    gumloop.access.clear()
    gumloop.seen.clear()
    for racer in command.race(PROCESSES, "gumloop", "teams", "--json"):
        racer.works()
    assert len(gumloop.calls("/oauth/token")) == 1
    assert len(gumloop.access) == len(gumloop.refresh) == 1
    status = command("gumloop", "status", "--json").works().json
    assert (status["signed_in"], status["method"], status["warnings"]) == (True, "oauth", [])
