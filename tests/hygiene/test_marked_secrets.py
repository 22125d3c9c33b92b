"""Every flow with secrets that can be recognised; afterwards the whole machine is searched for them.

Where a secret must appear is listed in SECURITY.md; everywhere else there is none.
"""

import json
import subprocess
import sys
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from app.cli import exit_codes
from tests.support.gumloop_stub import API_KEY, USER_ID, Fault, Gumloop
from tests.support.house import House, traces
from tests.support.server import AccountServer
from tests.support.vaults import Bus

# keyring drops its connection to a locked or lost keychain unclosed.
pytestmark = [pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"), pytest.mark.slow]
WRONG_KEY = "gum_marked_wrong_key_4711"
WRONG_TOKEN = "marked-wrong-access-token-4712"
SHAPELESS = "marked shapeless token 4713".replace(" ", "-")
TOKEN = ("chainloop", "organization", "api-token")
_ENVIRONMENT = "import os, sys; sys.stdout.write(repr(sorted(os.environ.items())) + ' '.join(sys.argv))"


@pytest.fixture
def house(tmp_path: Path, gumloop: Gumloop, account_server: AccountServer, secret_service: Bus) -> House:
    """A machine with a real keychain, a browser, and both servers in reach."""
    made = House(
        tmp_path / "inside",
        tmp_path / "notes",
        {
            "GUMLOOP_BASE_URL": gumloop.base_url,
            "CHAINLOOP_CONTROL_PLANE_API": account_server.grpc,
            "CHAINLOOP_API_INSECURE": "true",
            **secret_service.environment,
        },
    )
    email, password = account_server.owner
    (made.notes / "account.json").write_text(json.dumps({"email": email, "password": password}))
    made.mark(password, API_KEY, WRONG_KEY, WRONG_TOKEN, SHAPELESS)
    return made


def learn(house: House, gumloop: Gumloop) -> None:
    """What came into being on the way: codes, verifiers, access and refresh tokens, JWTs."""
    for request in gumloop.seen:
        house.mark(request.headers.get("authorization", "").removeprefix("Bearer "))
        house.mark(
            *(request.form.get(name, "") for name in ("code", "code_verifier", "refresh_token", "token"))
        )
    house.mark(*gumloop.access, *gumloop.refresh)
    for carried in house.notes.glob("carried-*.txt"):
        query = parse_qs(urlsplit(carried.read_text()).query)
        house.mark(*query.get("code", []), *query.get("t", []))


def clean(house: House, gumloop: Gumloop, *, browser: bool, at_least: int) -> None:
    """Nothing was found, and it was looked for in earnest."""
    learn(house, gumloop)
    assert len(house.secrets) >= at_least
    assert len(list(house.files())) >= 2
    assert any(text.strip() for _, text in house.said)
    assert house.arguments
    assert bool(house.visits()) is browser
    assert house.found() == []


def test_the_search_finds_what_is_there(house: House, gumloop: Gumloop) -> None:
    """The instrument itself: a secret in a file, on the screen or in an argument is found in any form."""
    for number, trace in enumerate(traces(API_KEY)):
        planted = house.inside / "tmp" / f"planted-{number}"
        planted.write_text(f"before {trace} after")
        assert house.found() == [f"file tmp/planted-{number}"]
        planted.unlink()
    with house.watched():
        house.process("gumloop", "login", "--api-key", API_KEY, "--user-id", USER_ID).works()
    assert "arguments of a process" in house.found()
    house.arguments.clear()
    assert "arguments of a process" not in house.found()
    with house.watched():
        # However short it runs: started by this process, as a command's browser is.
        subprocess.run(["true", f"--key={API_KEY}"], check=True)
    assert "arguments of a process" in house.found()
    house.said.append(("planted", f"x{API_KEY}x"))
    assert "output of planted" in house.found()


def test_gumloop_in_the_browser(house: House, gumloop: Gumloop) -> None:
    with house.watched():
        house.process("gumloop", "login", "--method", "oauth", "--callback-port", "0", "--debug").works()
        house.loopin("gumloop", "status", "--debug").works()
        gumloop.access.clear()  # the next call renews
        house.loopin("gumloop", "teams", "--json", "--debug").works()
        house.loopin("status", "--json", "--debug")
        house.loopin("doctor", "--debug")
        house.process("run", "--debug", "--", sys.executable, "-c", _ENVIRONMENT).works()
        learn(house, gumloop)
        house.loopin("gumloop", "logout", "--json", "--debug").works()
    (visit,) = house.visits()
    assert "code=" not in visit["ended"]["address"]
    clean(house, gumloop, browser=True, at_least=9)


def test_gumloop_with_keys_and_tokens(house: House, gumloop: Gumloop) -> None:
    token = gumloop.issue()["access_token"]
    login = ("gumloop", "login", "--debug")
    with_key = (*login, "--user-id", USER_ID, "--api-key", "-")
    with house.watched():
        house.loopin(*with_key, stdin=WRONG_KEY).fails(exit_codes.FAILED)
        house.loopin(*login, "--access-token", "-", stdin=WRONG_TOKEN).fails(exit_codes.FAILED)
        house.loopin(*login, "--access-token", "-", stdin=token).works()
        house.loopin(
            *login, "--user-id", USER_ID, "--api-key", "-", "--profile", "work", stdin=API_KEY
        ).works()
        house.loopin("gumloop", "status", "--profile", "work", "--debug").works()
        for fault in (
            Fault(401, json.dumps({"error": API_KEY, "message": f"no {API_KEY}"})),
            Fault(500, API_KEY),
        ):
            gumloop.fail("/api/v1/models", fault)
            house.loopin("gumloop", "status", "--profile", "work", "--debug")
            gumloop.fail("/api/v1/teams", *[fault] * 5)
            house.loopin("gumloop", "teams", "--profile", "work", "--debug")
            gumloop.faults.clear()
        house.loopin("gumloop", "logout", "--all-profiles", "--debug").works()
    clean(house, gumloop, browser=False, at_least=5)


def test_chainloop_in_the_browser_and_its_api_tokens(house: House, gumloop: Gumloop) -> None:
    with house.watched():
        house.process("chainloop", "auth", "login", "--debug").works()
        house.loopin("chainloop", "organization", "describe", "--debug").works()
        name = f"marked-{house.inside.stat().st_ino}"
        made = (
            house.loopin(*TOKEN, "create", "--name", name, "-o", "json", "--debug", shown=True).works().json
        )
        bare = house.loopin(*TOKEN, "create", "--name", f"{name}-2", "-o", "token", "--debug", shown=True)
        house.mark(made["jwt"], bare.out.strip())
        house.loopin(*TOKEN, "list", "--debug").works()
        house.loopin(*TOKEN, "list", "-o", "json", "--debug").works()
        house.loopin(
            "chainloop", "auth", "login", "--token", "-", "--profile", "ci", "--debug", stdin=made["jwt"]
        )
        house.loopin("status", "--profile", "ci", "--debug").works()
        house.loopin(*TOKEN, "revoke", "-y", "--id", made["id"], "--debug").works()
        house.loopin("chainloop", "organization", "describe", "--profile", "ci", "--debug").fails(
            exit_codes.SIGNED_OUT
        )
        house.loopin("chainloop", "auth", "login", "--token", "-", "--debug", stdin=SHAPELESS).fails(
            exit_codes.FAILED
        )
        house.loopin("chainloop", "auth", "logout", "--debug").works()
    (visit,) = house.visits()
    assert "t=" not in urlsplit(visit["ended"]["address"]).query
    clean(house, gumloop, browser=True, at_least=8)


def test_secrets_of_the_environment(house: House, gumloop: Gumloop) -> None:
    """A browser is no place for them, and neither is what is said about where they are."""
    carried = {
        "CHAINLOOP_TOKEN": SHAPELESS,
        "GUMLOOP_API_KEY": API_KEY,
        "GUMLOOP_USER_ID": USER_ID,
        "GUMLOOP_ACCESS_TOKEN": WRONG_TOKEN,
        "GITLAB_OIDC": WRONG_KEY,
        "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "marked-request-token-4714",
    }
    house.mark(*(value for name, value in carried.items() if name != "GUMLOOP_USER_ID"))
    house.environment |= carried
    with house.watched():
        for command in (("status",), ("status", "--json"), ("doctor",), ("doctor", "--json")):
            house.loopin(*command, "--debug")
        house.loopin("gumloop", "login", "--method", "oauth", "--callback-port", "0", "--debug").works()
        house.loopin("chainloop", "auth", "login", "--debug").works()
        house.process("run", "--debug", "--", sys.executable, "-c", _ENVIRONMENT).works()
        house.loopin("chainloop", "organization", "describe", "--debug").fails(exit_codes.SIGNED_OUT)
    assert len(house.visits()) == 2
    for visit in house.visits():
        kept = set(visit["started"]["environment"])
        assert kept & {"CHAINLOOP_TOKEN", "GUMLOOP_API_KEY", "GUMLOOP_ACCESS_TOKEN", "GITLAB_OIDC"} == set()
    clean(house, gumloop, browser=True, at_least=8)
