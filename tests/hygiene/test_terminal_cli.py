"""Whatever a server, a keychain, a token or the environment says, commands print it as text."""

import base64
import json
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.cli import Loopin, signed_in
from tests.support.gumloop_stub import API_KEY, USER_ID, Fault, Gumloop
from tests.support.hostile import PAYLOADS, names, unsafe
from tests.support.server import ROOT, AccountServer, bulk_tokens, release, start

pytestmark = pytest.mark.slow

COUNT = 1000
# A variable cannot hold a null character.
EVIL = "".join(PAYLOADS).replace("\x00", "")


@pytest.fixture(scope="module")
def hostile_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AccountServer]:
    """The real server; a thousand tokens, the organization and the person have names that attack."""
    server = start(tmp_path_factory.mktemp("hostile-server"))
    bulk_tokens(server, "acme", COUNT, name="evil")
    bad = names(COUNT)
    with server.database() as connection:
        rows = connection.execute("SELECT id FROM api_tokens WHERE name LIKE 'evil%'").fetchall()
        connection.begin()
        connection.executemany(
            "UPDATE api_tokens SET name = ?, description = ? WHERE id = ?",
            [(name, name[::-1], row[0]) for name, row in zip(bad, rows, strict=True)],
        )
        connection.execute("UPDATE projects SET name = name || ?", (EVIL,))
        connection.execute("UPDATE users SET first_name = ?, last_name = ?", (EVIL, EVIL))
        connection.execute("COMMIT")
    connection.close()
    yield server
    release(server.process)


@pytest.fixture
def evil(loopin: Loopin, hostile_server: AccountServer) -> Loopin:
    """Signed in there as the owner."""
    signed_in(loopin, hostile_server, hostile_server.owner)
    loopin.environment["PYTHONIOENCODING"] = "utf-8"
    return loopin


def on_a_terminal(loopin: Loopin, *arguments: str) -> str:
    """What a terminal gets to read, our own colours switched off."""
    reader, writer = pty.openpty()
    child = subprocess.Popen(
        [sys.executable, "-m", "app", *arguments],
        cwd=ROOT,
        env=loopin.variables(NO_COLOR="1"),
        stdin=subprocess.DEVNULL,
        stdout=writer,
        stderr=writer,
    )
    os.close(writer)
    seen = b""
    try:
        while chunk := os.read(reader, 65536):
            seen += chunk
    except OSError:
        pass  # Linux says EIO when the last writer has gone
    os.close(reader)
    child.wait(60)
    return seen.decode("utf-8", "surrogateescape").replace("\r\n", "\n")


LISTS = [
    ("chainloop", "organization", "api-token", "list"),
    ("chainloop", "organization", "api-token", "list", "-o", "json"),
    ("chainloop", "organization", "describe"),
    ("chainloop", "organization", "list"),
    ("status",),
    ("status", "--json"),
    ("doctor",),
]


@pytest.mark.parametrize("arguments", LISTS, ids=" ".join)
def test_a_thousand_hostile_names_are_only_text(evil: Loopin, arguments: tuple[str, ...]) -> None:
    done = evil(*arguments)
    assert unsafe(done.out + done.err) == []
    if arguments[-1] == "list" and arguments[-2] == "api-token":
        assert done.out.count("\n") > COUNT
        assert "[bold red]x[/]" in done.out


def test_a_terminal_gets_no_control_sequence_but_our_own(evil: Loopin) -> None:
    assert unsafe(on_a_terminal(evil, "chainloop", "organization", "api-token", "list")) == []
    assert unsafe(on_a_terminal(evil, "status")) == []


def test_hostile_names_are_only_text_where_one_is_revoked(
    evil: Loopin, hostile_server: AccountServer
) -> None:
    with hostile_server.database() as connection:
        (token_id,) = connection.execute(
            "SELECT id FROM api_tokens WHERE name LIKE 'n%' AND revoked_at IS NULL LIMIT 1"
        ).fetchone()
    connection.close()
    for form in ((), ("-o", "json")):
        done = evil("chainloop", "organization", "api-token", "revoke", "--id", token_id, "-y", *form)
        assert unsafe(done.out + done.err) == []


ARGUMENTS = [
    (EVIL,),
    ("chainloop", EVIL),
    ("chainloop", "organization", "describe", "-n", EVIL),
    ("chainloop", "organization", "set", EVIL),
    ("chainloop", "organization", "update", "--api-token-max-days-inactive", EVIL),
    ("chainloop", "organization", "api-token", "list", "-o", EVIL),
    ("chainloop", "organization", "api-token", "list", "--project", EVIL),
    ("chainloop", "organization", "api-token", "create", "--name", EVIL),
    ("chainloop", "organization", "api-token", "create", "--name", "a", "--expiration", EVIL),
    ("chainloop", "organization", "api-token", "revoke", "-y", "--id", EVIL),
    ("chainloop", "organization", "describe", "--control-plane", EVIL),
    ("chainloop", "organization", "describe", "--control-plane-ca", EVIL),
    ("chainloop", "organization", "describe", "--max-recv-msg-size", EVIL),
    ("chainloop", "organization", "describe", "--token", EVIL),
    ("chainloop", "auth", "login", "--token", EVIL),
    ("chainloop", "auth", "logout", "--profile", EVIL),
    ("status", "--profile", EVIL),
    ("gumloop", "teams", "--base-url", EVIL),
    ("gumloop", "teams", "--team-id", EVIL),
    ("gumloop", "login", "--api-key", EVIL, "--user-id", EVIL),
    ("gumloop", "login", "--callback-port", EVIL),
    ("run", "--", EVIL),
    ("run", "--provider", EVIL, "--", "true"),
    ("demo", "--screen", EVIL),
    ("server", "start", "--seed", EVIL),
    (f"--{EVIL}",),
]  # fmt: skip


@pytest.mark.parametrize("arguments", ARGUMENTS, ids=lambda a: " ".join(p for p in a if p != EVIL)[:40])
def test_what_a_person_pastes_is_only_text(evil: Loopin, arguments: tuple[str, ...]) -> None:
    done = evil(*arguments, LOOPIN_REQUEST_TIMEOUT="3")
    assert unsafe(done.out + done.err) == []


VARIABLES = [
    *("CHAINLOOP_TOKEN", "CHAINLOOP_ORGANIZATION", "CHAINLOOP_CONTROL_PLANE_API"),
    *("CHAINLOOP_CONTROL_PLANE_API_CA", "CHAINLOOP_API_INSECURE", "CHAINLOOP_API_MAX_RECV_MSG_SIZE"),
    *("GUMLOOP_BASE_URL", "GUMLOOP_API_KEY", "GUMLOOP_USER_ID", "GUMLOOP_ACCESS_TOKEN", "GUMLOOP_TEAM_ID"),
    *("LOOPIN_CONFIG_DIR", "LOOPIN_STATE_DIR", "LOOPIN_NEAR_DAYS", "LOOPIN_KEYCHAIN_TIMEOUT"),
    *("PYTHON_KEYRING_BACKEND", "SSL_CERT_FILE", "BROWSER", "TERM", "GITLAB_OIDC", "https_proxy"),
]


@pytest.mark.parametrize("name", VARIABLES)
def test_what_the_environment_says_is_only_text(evil: Loopin, name: str) -> None:
    """`doctor` looks at all of them."""
    # One name of a folder has 255 bytes at most.
    value = EVIL[:60].replace("/", "") if name.endswith("_DIR") else EVIL
    if name.endswith("_DIR"):
        value = str(evil.folder / value)
    more = {"LOOPIN_REQUEST_TIMEOUT": "3", name: value}
    if name in {"GUMLOOP_API_KEY", "GUMLOOP_USER_ID"}:
        more = {"GUMLOOP_API_KEY": API_KEY, "GUMLOOP_USER_ID": USER_ID, **more}
    done = evil("doctor", **more)
    assert unsafe(done.out + done.err) == []


def _jwt(**claims: object) -> str:
    def part(value: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    return f"{part({'alg': 'none'})}.{part(claims)}.c2lnbmVk"


@pytest.mark.parametrize("audience", ["api-token-auth.chainloop", "user-auth.chainloop", "chainloop", EVIL])
def test_what_a_token_says_of_itself_is_only_text(
    loopin: Loopin, hostile_server: AccountServer, audience: str
) -> None:
    token = _jwt(
        aud=audience, jti=EVIL, org_name=EVIL, token_name=EVIL, project_name=EVIL, iss=EVIL, exp=EVIL
    )
    here = {"CHAINLOOP_CONTROL_PLANE_API": hostile_server.grpc, "CHAINLOOP_API_INSECURE": "true"}
    for arguments in (("status",), ("chainloop", "organization", "describe")):
        done = loopin(*arguments, CHAINLOOP_TOKEN=token, **here)
        assert unsafe(done.out + done.err) == []


def test_what_a_gumloop_server_says_is_only_text(loopin: Loopin, gumloop: Gumloop) -> None:
    loopin.environment = {
        "GUMLOOP_BASE_URL": gumloop.base_url,
        "GUMLOOP_API_KEY": API_KEY,
        "GUMLOOP_USER_ID": USER_ID,
    }
    gumloop.teams = [{"id": f"{n}{EVIL}", "name": name} for n, name in enumerate(names(COUNT))]
    for arguments in (("gumloop", "teams"), ("gumloop", "teams", "--json"), ("gumloop", "status")):
        done = loopin(*arguments)
        assert unsafe(done.out + done.err) == []
    teams = "/api/v1/teams"
    answers = (
        {"error": {"code": EVIL, "message": EVIL, "type": EVIL, "param": EVIL}},
        {"error": EVIL, "message": EVIL},
        {"error": EVIL, "error_description": f"\ud800{EVIL}"},
    )
    for status in (400, 401, 403, 404, 429, 500):
        for body in (*(json.dumps(answer) for answer in answers), EVIL):
            gumloop.fail(teams, *[Fault(status, body)] * 5)
            done = loopin("gumloop", "teams")
            assert done.code != 0
            assert unsafe(done.out + done.err) == []
            gumloop.faults.clear()


def test_what_lies_in_our_own_files_is_only_text(evil: Loopin, hostile_server: AccountServer) -> None:
    """A configuration that somebody else wrote."""
    folder = evil.folder / "config"
    folder.mkdir(mode=0o700)
    quoted = json.dumps(EVIL)
    for text in (
        f"theme = {quoted}\nnear_days = {quoted}\n",
        f"[gumloop]\nbase_url = {quoted}\nprofile = {quoted}\n",
        f"[chainloop]\norganization = {quoted}\nprofile = {quoted}\n",
        f"[keys]\n{quoted} = {quoted}\n",
        EVIL,
    ):
        Path(folder / "config.toml").write_text(text)
        for command in (("status",), ("doctor",)):
            done = evil(*command)
            assert unsafe(done.out + done.err) == []
