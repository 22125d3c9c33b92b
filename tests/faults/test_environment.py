"""Variables that name something useless are told with their names, whatever was to be done."""

import base64
import json
import os
import pty
import subprocess
import sys

import pytest

from app.cli import exit_codes
from tests.support.cli import Loopin
from tests.support.gumloop_stub import API_KEY, USER_ID
from tests.support.server import ROOT

pytestmark = pytest.mark.slow

KEY = {"GUMLOOP_API_KEY": API_KEY, "GUMLOOP_USER_ID": USER_ID}
PROXIES = ("http://someone:word@[::1", "socks5://127.0.0.1:1", "ftp://127.0.0.1")


@pytest.mark.parametrize("proxy", PROXIES)
def test_a_proxy_that_cannot_be_used_is_told(loopin: Loopin, proxy: str) -> None:
    """httpx raises three kinds of errors of its own for these, while a client is made."""
    done = loopin("gumloop", "teams", **KEY, https_proxy=proxy)
    done.fails(exit_codes.UNREACHABLE, "proxy", "HTTPS_PROXY")
    assert "someone:word" not in done.err


@pytest.mark.parametrize(
    ("path", "words"), [("/nowhere/at/all.pem", "cannot be read"), ("/etc/passwd", "no certificate")]
)
def test_a_bundle_of_authorities_that_is_none_is_told(loopin: Loopin, path: str, words: str) -> None:
    done = loopin("gumloop", "teams", **KEY, SSL_CERT_FILE=path)
    done.fails(exit_codes.UNREACHABLE, "SSL_CERT_FILE", words)


def test_an_authority_that_names_no_file_is_a_mistake_in_the_command(loopin: Loopin) -> None:
    where = ("--control-plane", "127.0.0.1:1", "--control-plane-ca", "/nowhere/at/all.pem")
    done = loopin("chainloop", "organization", "describe", *where, CHAINLOOP_TOKEN="not-a-real-token")
    done.fails(exit_codes.USAGE, "--control-plane-ca", "/nowhere/at/all.pem")


def _jwt(**claims: object) -> str:
    def part(value: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    return f"{part({'alg': 'RS256', 'kid': 'k'})}.{part(claims)}.c2lnbmVk"


PERSON = _jwt(aud="user-auth.chainloop")


def test_a_persons_token_in_the_variable_is_listed_as_what_it_is(loopin: Loopin) -> None:
    plane = {"CHAINLOOP_TOKEN": PERSON, "CHAINLOOP_CONTROL_PLANE_API": "127.0.0.1:1"}
    shape = loopin("status", "--json", "--offline", **plane).json["providers"][1]
    (found,) = [one for one in shape["candidates"] if one["source"] == "environment"]
    assert (shape["method"], found["method"]) == ("browser", "browser")


LOGOUTS: dict[str, tuple[tuple[str, ...], dict[str, str], str]] = {
    "gumloop": (("gumloop", "logout"), KEY, "GUMLOOP_API_KEY"),
    "chainloop": (
        ("chainloop", "auth", "logout"),
        {"CHAINLOOP_TOKEN": "not-a-real-token"},
        "CHAINLOOP_TOKEN",
    ),
    "ci job": (
        ("chainloop", "auth", "logout"),
        {"GITLAB_CI": "1", "CI_SERVER_URL": "http://127.0.0.1:1", "CI_JOB_URL": "x", "GITLAB_OIDC": PERSON},
        "GITLAB_OIDC",
    ),
}


@pytest.mark.parametrize("case", LOGOUTS)
def test_where_nothing_can_be_stored_a_sign_out_says_what_still_signs_in(loopin: Loopin, case: str) -> None:
    """A clean-up step in a job without a keychain must not fail it."""
    command, variables, still = LOGOUTS[case]
    done = loopin(*command, **variables).works()
    assert "no keychain" in done.out
    assert f"{still} still signs you in" in done.err


@pytest.mark.parametrize("command", [("gumloop", "logout"), ("chainloop", "auth", "logout")])
def test_without_a_keychain_and_without_anything_else_a_sign_out_fails(
    loopin: Loopin, command: tuple[str, ...]
) -> None:
    loopin(*command).fails(exit_codes.NO_KEYCHAIN, "no keychain", "next: ")


GITLAB = {
    "GITLAB_CI": "1",
    "CI_JOB_URL": "https://gitlab.example/x",
    "CI_SERVER_URL": "https://gitlab.example",
    "GITLAB_OIDC": _jwt(iss="https://gitlab.example", aud="chainloop", exp=9_999_999_999, iat=1, sub="s"),
}


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        *(({"https_proxy": proxy}, "HTTPS_PROXY") for proxy in PROXIES),
        ({"SSL_CERT_FILE": "/nowhere/at/all.pem"}, "SSL_CERT_FILE"),
        ({"SSL_CERT_FILE": "/etc/passwd"}, "SSL_CERT_FILE"),
    ],
)
def test_a_ci_job_is_told_of_its_proxy_and_authorities(
    loopin: Loopin, variables: dict[str, str], words: str
) -> None:
    """`gitlab.example` is not asked: the client cannot even be made."""
    done = loopin("chainloop", "auth", "login", "--keyless", **GITLAB, **variables)
    done.fails(exit_codes.UNREACHABLE, words)
    assert "someone:word" not in done.err


def test_a_dumb_terminal_gets_a_sentence_and_no_screen(loopin: Loopin) -> None:
    """An editor's shell, for one, shows every control sequence as it is."""
    ours, theirs = pty.openpty()
    done = subprocess.run(
        [sys.executable, "-m", "app"],
        cwd=ROOT,
        env=loopin.variables(TERM="dumb"),
        stdin=theirs,
        stdout=theirs,
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
        check=False,
    )
    os.close(theirs)
    os.close(ours)
    assert done.returncode == exit_codes.USAGE
    assert "TERM is dumb" in done.stderr


def test_an_error_that_a_library_logs_is_not_printed_over_the_screen(loopin: Loopin) -> None:
    """gRPC's poller and asyncio complain when a call is interrupted at the wrong moment."""
    program = (
        "import asyncio, logging, sys, app.__main__, app.cli.start as start\n"
        "async def callback_fails():\n"
        "    asyncio.get_running_loop().call_soon(lambda: 1 / 0)\n"
        "    await asyncio.sleep(0)\n"
        "    await asyncio.sleep(0)\n"
        "    logging.getLogger('grpc._cython.cygrpc').error('poller')\n"
        "start.open_app = lambda: asyncio.run(callback_fails())\n"
        "sys.exit(app.__main__.main([]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env=loopin.variables(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
