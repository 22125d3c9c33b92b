"""The published `gumloop` command and Loopin on one real keychain: a login here is a login there."""

from pathlib import Path

import pytest

from tests.integration.gumloop.conftest import Signer
from tests.support.cli import Loopin
from tests.support.gumloop_stub import API_KEY, USER_ID, Gumloop
from tests.support.vendor import Vendor

pytestmark = [pytest.mark.usefixtures("secret_service"), pytest.mark.slow]


def test_a_key_stored_by_loopin_signs_the_vendor_in(
    command: Loopin, vendor: Vendor, gumloop: Gumloop
) -> None:
    command("gumloop", "login", "--api-key", "-", "--user-id", USER_ID, stdin=API_KEY).works()
    assert "Model One" in vendor("models", "list").works().out
    assert gumloop.calls("/api/v1/models")[-1].headers["user-agent"].startswith("gumloop")
    command("gumloop", "logout").works()
    assert vendor("models", "list").code != 0


def test_a_browser_sign_in_by_loopin_signs_the_vendor_in(
    command: Loopin, vendor: Vendor, gumloop: Gumloop, sign_in: Signer
) -> None:
    sign_in().works()
    assert "Model One" in vendor("models", "list").works().out
    gumloop.access.clear()
    assert "Model One" in vendor("models", "list").works().out, "it can renew Loopin's session"
    assert command("gumloop", "status", "--json").works().json["method"] == "oauth"


def test_a_key_stored_by_the_vendor_signs_loopin_in(
    command: Loopin, vendor: Vendor, gumloop: Gumloop
) -> None:
    base = {"GUMLOOP_BASE_URL": gumloop.base_url}
    vendor("login", "--api-key", "-", "--user-id", USER_ID, stdin=API_KEY, **base).works()
    status = command("gumloop", "status", "--json", GUMLOOP_BASE_URL="").works().json
    assert (status["signed_in"], status["method"], status["identity"]) == (True, "api_key", USER_ID)
    assert (status["source"], status["base_url"]) == ("keychain", gumloop.base_url)
    vendor("logout").works()
    command("gumloop", "status").fails(3)


@pytest.mark.xdist_group("callback-port-8765")
def test_a_browser_sign_in_by_the_vendor_signs_loopin_in(
    command: Loopin, vendor: Vendor, gumloop: Gumloop, printed_sign_in: Signer, gumloop_command: Path
) -> None:
    """On the one port that it can use; and a sign-out by Loopin ends its session at the server."""
    printed_sign_in(str(gumloop_command)).works()
    gumloop.access.clear()
    assert command("gumloop", "teams", "--json").works().json["teams"] == gumloop.teams
    assert "Model One" in vendor("models", "list").works().out, "the session that Loopin renewed"
    assert len(gumloop.calls("/oauth/token")) == 2
    assert command("gumloop", "logout", "--json").works().json == {"status": "ok", "oauth_revoked": True}
    assert gumloop.refresh == set()


def test_the_vendor_in_loopin_run_gets_one_whole_login(
    command: Loopin, gumloop: Gumloop, gumloop_command: Path
) -> None:
    """The page's CI step: the variables of the step, and nothing of what is stored."""
    command("gumloop", "login", "--access-token", "-", stdin=gumloop.issue()["access_token"]).works()
    environ = {"GUMLOOP_API_KEY": API_KEY, "GUMLOOP_USER_ID": USER_ID}
    done = command.process(
        "run", "--provider", "gumloop", "--", str(gumloop_command), "models", "list", **environ
    )
    assert "Model One" in done.works().out
    headers = gumloop.calls("/api/v1/models")[-1].headers
    assert (headers["authorization"], headers["x-auth-key"]) == (f"Bearer {API_KEY}", USER_ID)
