"""`loopin demo` in a real terminal: start, walk, resize, quit; it leaves nothing behind."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.terminal import Terminal

pytestmark = pytest.mark.slow

LOOPIN = str(Path(sys.executable).with_name("loopin"))
RESTORED = "0 0 1"


def children_of(pid: int) -> list[int]:
    """Process ids below `pid`, at any depth."""
    found = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False
    )
    direct = [int(line) for line in found.stdout.split()]
    return direct + [deeper for child in direct for deeper in children_of(child)]


def is_gone(pid: int) -> bool:
    """True when the process ended (a zombie has)."""
    try:
        return "\nState:\tZ" in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return True


def test_walk_resize_and_quit(terminal: Terminal) -> None:
    """The four screens, another size, and back to the shell with the terminal as it was."""
    before = terminal.modes()
    terminal.type(f"{LOOPIN} demo --screen tokens; echo left=$?")
    terminal.see("DEMO", "ci-release")
    terminal.press("3")
    terminal.see("Threshold")
    terminal.press("4")
    terminal.see("login")
    terminal.press("1")
    terminal.see("Chainloop", "ada@acme.example")
    terminal.resize(200, 50)
    terminal.press("2")
    terminal.see("Auto-revoke", "ci-release", "owner")
    terminal.resize(80, 24)
    terminal.press("q")
    terminal.see("left=0")
    assert terminal.modes() == before == RESTORED


@pytest.mark.parametrize(
    "ending", [signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1], ids=["SIGTERM", "SIGHUP", "SIGUSR1"]
)
def test_a_signal_restores_the_terminal_and_ends_the_server(
    terminal: Terminal, ending: signal.Signals
) -> None:
    """The shell gets its terminal back, and the sample server is gone."""
    terminal.type(f"{LOOPIN} demo; echo left=$?")
    terminal.see("DEMO", "Chainloop")
    family = children_of(terminal.pane_pid())
    assert len(family) >= 2
    os.kill(family[0], ending)
    terminal.see("left=")
    assert terminal.modes() == RESTORED
    terminal.type("wait; echo waited")
    terminal.see("waited")
    for pid in family:
        terminal_gone(pid)


def test_kill_9_takes_the_server_along_and_the_next_demo_tidies_up(
    terminal: Terminal, tmp_path: Path
) -> None:
    """Nobody can tidy up after kill -9, but the server notices that its standard input closed."""
    terminal.type(f"{LOOPIN} demo; echo left=$?")
    terminal.see("DEMO", "Chainloop")
    family = children_of(terminal.pane_pid())
    os.kill(family[0], signal.SIGKILL)
    for pid in family:
        terminal_gone(pid)
    (left,) = tmp_path.glob("loopin-demo-*")
    # Nobody gave the shell its terminal back: there, enter ends no line.
    terminal.press("stty sane; tput reset; echo ready=$((40 + 2))", "C-j")
    # A reset drops what is typed meanwhile.
    terminal.see("ready=42")
    terminal.type(f"{LOOPIN} demo; echo ended=$?")
    # The screen of the killed one stands until then.
    subprocess.run(["timeout", "60", "sh", "-c", f"while [ -e {left} ]; do sleep 0.1; done"], check=True)
    terminal.see("DEMO", "Chainloop")
    terminal.press("q")
    terminal.see("ended=0")
    assert list(tmp_path.glob("loopin-demo-*")) == []


def test_stopped_and_resumed_it_takes_every_key_and_quits(terminal: Terminal) -> None:
    """Nothing announces a SIGSTOP; `fg` brings back one keyboard reader, not a second one."""
    before = terminal.modes()
    terminal.type("exec bash --norc --noprofile")
    terminal.type(f"{LOOPIN} demo --screen tokens")
    terminal.see("DEMO", "ci-release")
    os.kill(children_of(terminal.pane_pid())[0], signal.SIGSTOP)
    terminal.see("Stopped")
    terminal.type("fg; echo left=$?")
    terminal.see_gone("Stopped")
    terminal.press("/")
    terminal.see("to the list")
    terminal.press(*"name:ci-staging")
    assert "terraform" not in terminal.see("1 of ", "name:ci-staging")
    terminal.press("Enter")
    terminal.see("? help")
    terminal.press("q", "q")
    terminal.see("left=0")
    assert terminal.modes() == before == RESTORED


def test_ctrl_z_goes_back_to_the_shell_and_fg_to_the_dialog(terminal: Terminal) -> None:
    """As with any program; also while something is typed."""
    before = terminal.modes()
    terminal.type("exec bash --norc --noprofile")
    terminal.type(f"{LOOPIN} demo --screen tokens")
    terminal.see("DEMO", "ci-release")
    terminal.press("n")
    terminal.see("New API token")
    terminal.press(*"ci-new", "C-z")
    terminal.see("Stopped")
    terminal.type("fg; echo left=$?")
    terminal.see("New API token", "ci-new")
    terminal.press("Escape")
    terminal.see_gone("New API token")
    terminal.press("q")
    terminal.see("left=0")
    assert terminal.modes() == before == RESTORED


def terminal_gone(pid: int) -> None:
    """Wait until the process ended."""
    subprocess.run(
        ["timeout", "60", "sh", "-c", f"while kill -0 {pid} 2>/dev/null; do sleep 0.1; done"], check=False
    )
    assert is_gone(pid)
