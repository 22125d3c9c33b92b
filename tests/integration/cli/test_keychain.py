"""Sign in, look, and sign out, with the login in a real keychain that outlives each command."""

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.support import require
from tests.support.cli import Loopin, secrets_in
from tests.support.server import ROOT, AccountServer, sign_in

SCRIPT = """
set -u
printf fake-keyring-password | gnome-keyring-daemon --unlock --components=secrets >/dev/null 2>&1
loopin() { "$PYTHON" -m app "$@" </dev/null; echo "code=$?"; }
"$PYTHON" -m app chainloop auth login --token - < "$TOKEN_FILE"; echo "code=$?"
echo ---; loopin status --json
echo ---; loopin chainloop organization describe
echo ---; loopin chainloop auth logout
echo ---; loopin status
"""


def test_a_login_lives_in_the_keychain(loopin: Loopin, account_server: AccountServer, tmp_path: Path) -> None:
    require.tool("gnome-keyring-daemon")
    token = tmp_path / "token"
    token.write_text(sign_in(account_server, *account_server.owner))
    runtime = tmp_path / "runtime"
    runtime.mkdir(mode=0o700)
    environment = loopin.variables(
        CHAINLOOP_CONTROL_PLANE_API=account_server.grpc,
        CHAINLOOP_API_INSECURE="true",
        PYTHON_KEYRING_BACKEND="",
        HOME=str(tmp_path),
        XDG_RUNTIME_DIR=str(runtime),
        PYTHON=sys.executable,
        TOKEN_FILE=str(token),
    )
    run = subprocess.run(
        [require.tool("dbus-run-session"), "--", "bash", "-c", SCRIPT],
        cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    login, status, described, logout, after = run.stdout.split("---\n")
    assert login.endswith("code=0\n"), run.stdout + run.stderr
    assert "Stored in: " in login
    assert status.endswith("code=0\n")
    (shape,) = [
        item
        for item in json.loads(status.rpartition("code=")[0])["providers"]
        if item["provider"] == "chainloop"
    ]
    assert shape["source"] == "keychain"
    assert shape["identity"] == account_server.owner[0]
    assert shape["stored_in"]
    assert "Organization: acme" in described
    assert logout == "Here:   forgotten.\nServer: the session ended.\ncode=0\n"
    assert after.endswith("code=3\n")
    assert secrets_in(run.stdout + run.stderr) == []
    written = [p for p in (loopin.folder).rglob("*") if p.is_file() and p != token]
    text = token.read_text()
    assert [p for p in written if text.encode() in p.read_bytes()] == []
    assert os.environ["PYTHON_KEYRING_BACKEND"]
