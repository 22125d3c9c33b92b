"""Twenty processes, one login that has ended, a refresh token that works once."""

import subprocess
import sys

import pytest

from tests.integration.gumloop.conftest import Signer
from tests.support.cli import Loopin
from tests.support.gumloop_stub import Gumloop
from tests.support.server import ROOT

PROCESSES = 20


@pytest.mark.usefixtures("secret_service")
def test_exactly_one_renews_and_nobody_is_signed_out(
    command: Loopin, gumloop: Gumloop, sign_in: Signer
) -> None:
    sign_in().works()
    gumloop.access.clear()
    gumloop.seen.clear()
    racers = [
        subprocess.Popen(
            [sys.executable, "-m", "app", "gumloop", "teams", "--json"],
            cwd=ROOT,
            env=command.variables(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(PROCESSES)
    ]
    ends = [(racer.communicate(timeout=120), racer.returncode) for racer in racers]
    assert [code for _, code in ends] == [0] * PROCESSES, [said[1] for said, code in ends if code]
    assert len(gumloop.calls("/oauth/token")) == 1
    assert len(gumloop.access) == len(gumloop.refresh) == 1
    status = command("gumloop", "status", "--json").works().json
    assert (status["signed_in"], status["method"], status["warnings"]) == (True, "oauth", [])
