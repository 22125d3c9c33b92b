"""An error of Loopin's own: the terminal gets one sentence, never the variables of a traceback."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = """
from tests.support import app as fakes
from app.tui.app import LoopinApp

class Breaking(LoopinApp):
    async def on_ready(self) -> None:
        secret = "not-a-real-token-in-a-variable"
        raise ZeroDivisionError(secret)

app = Breaking(fakes.container())
app.run(headless=True, size=(80, 24))
raise SystemExit(app.return_code)
"""


def test_a_crash_shows_no_variables_and_no_traceback() -> None:
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
    )
    assert run.returncode == 1
    said = run.stdout + run.stderr
    assert "Loopin hit an error of its own" in said
    assert "not-a-real-token" not in said
    assert "Traceback" not in said
