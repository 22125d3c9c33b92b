"""Variables that name something useless are told with their names, whatever was to be done."""

import subprocess
import sys

import pytest

from app.cli import exits
from tests.support.cli import Loopin
from tests.support.gumloop_stub import API_KEY, USER_ID
from tests.support.server import ROOT

KEY = {"GUMLOOP_API_KEY": API_KEY, "GUMLOOP_USER_ID": USER_ID}
PROXIES = ("http://someone:word@[::1", "socks5://127.0.0.1:1", "ftp://127.0.0.1")


@pytest.mark.parametrize("proxy", PROXIES)
def test_a_proxy_that_cannot_be_used_is_told(loopin: Loopin, proxy: str) -> None:
    """httpx raises three kinds of errors of its own for these, while a client is made."""
    done = loopin("gumloop", "teams", **KEY, https_proxy=proxy)
    done.fails(exits.UNREACHABLE, "proxy", "HTTPS_PROXY")
    assert "someone:word" not in done.err


@pytest.mark.parametrize(
    ("path", "words"), [("/nowhere/at/all.pem", "cannot be read"), ("/etc/passwd", "no certificate")]
)
def test_a_bundle_of_authorities_that_is_none_is_told(loopin: Loopin, path: str, words: str) -> None:
    done = loopin("gumloop", "teams", **KEY, SSL_CERT_FILE=path)
    done.fails(exits.UNREACHABLE, "SSL_CERT_FILE", words)


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
