"""Commands that ask a person, in a real terminal."""

import os
import shlex
import signal
import sys
from pathlib import Path

import pytest

from app.adapters.keychain.memory import MemoryVault
from app.bootstrap import Container
from tests.support.cli import Loopin, Result, in_process, secrets_in, signed_in
from tests.support.server import ROOT, AccountServer, ServerFactory, sign_in
from tests.support.terminal import Terminal

pytestmark = pytest.mark.slow

TOKENS = ("chainloop", "organization", "api-token")
LOOPIN = f"{shlex.quote(sys.executable)} -m app"


def prepare(terminal: Terminal, loopin: Loopin, **more: str) -> None:
    """Go to the checkout with the command's own variables; a secret comes from a file, as a person would."""
    script = loopin.folder / "variables"
    names = ("LOOPIN_CONFIG_DIR", "LOOPIN_STATE_DIR", "CHAINLOOP_TOKEN", "CHAINLOOP_CONTROL_PLANE_API")
    found = loopin.variables(CHAINLOOP_API_INSECURE="true", **more)
    lines = [f"export {n}={shlex.quote(found[n])}" for n in (*names, "CHAINLOOP_API_INSECURE") if n in found]
    script.write_text("\n".join([*lines, f"cd {ROOT}", "clear"]))
    terminal.type(f". {script}")


def create(loopin: Loopin, name: str) -> str:
    """A new token's id."""
    made = loopin(*TOKENS, "create", "--name", name, "-o", "json").works().json
    return str(made["id"])


def test_revoking_asks_for_the_name(
    loopin: Loopin, account_server: AccountServer, terminal: Terminal
) -> None:
    signed_in(loopin, account_server, account_server.owner)
    token = create(loopin, "asked-about")
    prepare(terminal, loopin)
    terminal.resize(160, 40)
    line = f"{LOOPIN} {' '.join(TOKENS)} revoke --id {token}; echo left=$?"
    terminal.type(line)
    terminal.see("Type asked-about to go on:", "global", "never")
    terminal.type("no")
    terminal.see("nothing was revoked", "left=130")
    terminal.type("clear")
    terminal.type(line)
    terminal.see("Type asked-about to go on:")
    terminal.type("asked-about")
    terminal.see("revoked 20", "left=0")


def test_revoking_the_token_in_use_says_so(
    loopin: Loopin, account_server: AccountServer, terminal: Terminal
) -> None:
    signed_in(loopin, account_server, account_server.owner)
    made = loopin(*TOKENS, "create", "--name", "myself", "--project", "web", "-o", "json").works().json
    listing = loopin(*TOKENS, "create", "--name", "lister", "-o", "json").works().json
    prepare(terminal, loopin, CHAINLOOP_TOKEN=listing["jwt"])
    terminal.resize(160, 40)
    terminal.type(f"{LOOPIN} {' '.join(TOKENS)} revoke --id {made['id']} --id {listing['id']}; echo left=$?")
    terminal.see("? (you)", "myself", "You are signed in with one of them", "Type 2 to go on:")
    terminal.press("C-c")
    terminal.see("left=130")


def test_several_are_confirmed_by_their_number_and_ctrl_c_leaves(
    loopin: Loopin, account_server: AccountServer, terminal: Terminal
) -> None:
    signed_in(loopin, account_server, account_server.owner)
    ids = " ".join(f"--id {create(loopin, f'several-{number}')}" for number in range(2))
    prepare(terminal, loopin)
    terminal.resize(160, 40)
    terminal.type(f"{LOOPIN} {' '.join(TOKENS)} revoke {ids}; echo left=$?")
    terminal.see("Revoke 2 API tokens in acme for good? Type 2 to go on:")
    terminal.press("C-c")
    terminal.see("cancelled", "left=130")
    names = [item["name"] for item in loopin(*TOKENS, "list", "-o", "json").works().json]
    assert "several-0" in names
    assert "several-1" in names


def test_a_threshold_that_revokes_is_asked_about(
    loopin: Loopin, fresh_server: ServerFactory, terminal: Terminal
) -> None:
    server = fresh_server()
    signed_in(loopin, server, server.owner)
    loopin.line("chainloop organization update --api-token-max-days-inactive 0").works()
    prepare(terminal, loopin)
    line = f"{LOOPIN} chainloop organization update --api-token-max-days-inactive 90"
    terminal.type(f"{line}; echo left=$?")
    terminal.see("4 API tokens in acme unused for 90 days", "Go on? [y/N]")
    terminal.type("")
    terminal.see("nothing was changed", "left=130")
    assert "auto-revoke after" not in loopin.line("chainloop organization describe").out
    terminal.type(f"clear; {line} --yes; echo left=$?")
    terminal.see("90 days inactive", "left=0")


@pytest.fixture
def login(tmp_path: Path) -> Path:
    """A program that signs in with a vault in memory: the command itself would want a keychain."""
    program = tmp_path / "login.py"
    program.write_text(
        "import sys\n"
        "from app.cli import exit_codes as exits, root\n"
        "from app.bootstrap import Container\n"
        "from app.adapters.keychain.memory import MemoryVault\n"
        "exits.prepare_streams()\n"
        "vault = MemoryVault()\n"
        "sys.exit(root.run(sys.argv[1:], lambda settings: Container(settings, vault=vault)))\n"
    )
    return program


@pytest.mark.parametrize("end", ["paste", "cancel", "eof"])
def test_headless_login_hides_what_is_pasted(
    loopin: Loopin, account_server: AccountServer, terminal: Terminal, login: Path, end: str
) -> None:
    token = sign_in(account_server, *account_server.owner)
    prepare(terminal, loopin, CHAINLOOP_CONTROL_PLANE_API=account_server.grpc)
    terminal.resize(100, 30)
    terminal.type(f"export PYTHONPATH={ROOT}")
    terminal.type(f"clear; {LOOPIN.split()[0]} {login} chainloop auth login --skip-browser; echo left=$?")
    terminal.see("Paste the token", f"{account_server.http}/auth/login?callback=&long-lived=true")
    if end == "paste":
        terminal.type(token)
        screen = terminal.see(f"Signed in as: {account_server.owner[0]}", "left=0")
        assert secrets_in(screen.replace("\n", "")) == []
    elif end == "cancel":
        terminal.press("C-c")
        terminal.see("cancelled", "left=130")
    else:
        terminal.press("C-d")
        terminal.see("standard input ended", "left=2")
    # The echo is back.
    terminal.type("echo 'it ec''hoes'")
    terminal.see("it echoes")
    terminal.see("echo 'it ec''hoes'")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP], ids=["SIGTERM", "SIGHUP"])
def test_a_signal_in_the_middle_of_a_login_is_one_sentence_and_the_echo_comes_back(
    loopin: Loopin, account_server: AccountServer, terminal: Terminal, login: Path, number: signal.Signals
) -> None:
    prepare(terminal, loopin, CHAINLOOP_CONTROL_PLANE_API=account_server.grpc)
    terminal.type(f"export PYTHONPATH={ROOT}")
    # A shell that becomes the command tells its process id before.
    command = f"exec {LOOPIN.split()[0]} {login} chainloop auth login --skip-browser"
    pid = loopin.folder / "pid"
    terminal.type(f"clear; sh -c 'echo $$ > {pid}; {command}'; echo left=$?")
    terminal.see("Paste the token")
    os.kill(int(pid.read_text()), number)
    screen = terminal.see(f"loopin: stopped by {number.name}", f"left={128 + number}")
    assert "Traceback" not in screen
    terminal.type("echo 'it ec''hoes'")
    terminal.see("it echoes", "echo 'it ec''hoes'")


def test_a_pasted_answer_races_the_browser_and_a_wrong_one_is_refused(
    loopin: Loopin, account_server: AccountServer, terminal: Terminal, login: Path
) -> None:
    token = sign_in(account_server, *account_server.owner)
    prepare(terminal, loopin, CHAINLOOP_CONTROL_PLANE_API=account_server.grpc, BROWSER="/bin/false")
    terminal.resize(100, 30)
    terminal.type(f"export PYTHONPATH={ROOT}")
    terminal.type(f"clear; {LOOPIN.split()[0]} {login} chainloop auth login; echo left=$?")
    terminal.see("Waiting for you to allow access", "Paste the address", "until 20")
    terminal.type(f"http://127.0.0.1:1/auth/callback?state=wrong&t={token}")
    terminal.see("! an answer arrived that belongs to another sign-in")
    terminal.type(token)
    screen = terminal.see(f"Signed in as: {account_server.owner[0]}", "left=0", "pasted by you")
    assert secrets_in(screen.replace("\n", "")) == []


def test_headless_login_reads_a_pipe(loopin: Loopin, account_server: AccountServer) -> None:
    token = sign_in(account_server, *account_server.owner)
    environment = loopin.variables(
        CHAINLOOP_CONTROL_PLANE_API=account_server.grpc, CHAINLOOP_API_INSECURE="1"
    )
    vault = MemoryVault()

    def piped(text: str) -> Result:
        return in_process(
            ["chainloop", "auth", "login", "--skip-browser"],
            environment,
            stdin=text,
            containers=lambda settings: Container(settings, vault=vault),
        )

    done = piped(f"{token}\n").works()
    assert done.err == ""
    assert f"Signed in as: {account_server.owner[0]}" in done.out
    assert f"\n{account_server.http}/auth/login?callback=&long-lived=true\n" in done.out
    assert token not in done.out
    piped("").fails(2, "no token was pasted")
    piped("eyJhbGciOi.not.accepted\n").fails(1, "does not accept this token")


def test_the_app_without_a_terminal_says_so(loopin: Loopin) -> None:
    loopin().fails(2, "needs a terminal", "loopin --help")
    loopin("demo").fails(2, "needs a terminal")
    loopin("demo", "--screen", "nowhere").fails(2, "'nowhere'")
