"""A crash in a real terminal: one sentence and the terminal as before, never the variables of a traceback."""

import sys
from pathlib import Path

import pytest

from tests.support.terminal import Terminal

pytestmark = pytest.mark.slow

SECRET = "not-a-real-token-in-a-variable"
# The crash comes where the app cannot go on: once it has started, it contains one error.
PROGRAM = f"""
from tests.support import app as fakes
from app.tui.app import LoopinApp
from app.tui.terminal import MOST_ERRORS

class Crashing(LoopinApp):
    def on_mount(self):
        self.set_timer(1, self.crash)

    def crash(self):
        secret = "{SECRET}"
        for _ in range(MOST_ERRORS + 1):
            self.call_later(self.fail, secret)

    def fail(self, secret):
        copy = [secret, {{"token": secret}}]
        raise ZeroDivisionError(copy)

app = Crashing(fakes.container())
app.run()
raise SystemExit(app.return_code)
"""


def test_a_crash_prints_one_sentence_and_restores_the_terminal(terminal: Terminal, tmp_path: Path) -> None:
    before = terminal.modes()
    program = tmp_path / "crash.py"
    program.write_text(PROGRAM)
    root = Path(__file__).parents[2]
    terminal.type(f"PYTHONPATH={root} {sys.executable} {program}; echo left=$?")
    terminal.see("Accounts", "Chainloop")
    terminal.see("left=1")
    printed = terminal.history()
    assert "Loopin hit an error of its own" in " ".join(printed.split())
    assert SECRET not in printed
    assert "Traceback" not in printed
    assert terminal.modes() == before
