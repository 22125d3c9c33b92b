"""A full-screen program that is stopped and continued without a word takes its terminal up again."""

import os
import signal
import sys
import textwrap
from pathlib import Path

import pytest

from tests.support.terminal import Terminal
from tests.terminal.test_demo import children_of

pytestmark = pytest.mark.slow

# Its reader waits a while between "there is something to read" and reading it, where a stop may come too.
APP = textwrap.dedent(
    """
    import os, time
    from pathlib import Path
    from textual import events
    from textual.app import App
    from textual.widgets import Label
    from app.tui.terminal import TerminalDriver

    read = os.read

    def slow_read(number, count):
        if (late := Path("late")).exists():
            late.unlink()
            time.sleep(1)
        return read(number, count)

    os.read = slow_read

    class Sample(App):
        def compose(self):
            yield Label("nothing yet", id="said")

        def on_key(self, event):
            self.query_one("#said", Label).update(f"pressed {event.character}")
            if event.character == "q":
                self.exit()

    Sample(driver_class=TerminalDriver).run()
    """
)


def test_a_key_that_the_shell_took_meanwhile_does_not_hold_up_the_screen(
    terminal: Terminal, tmp_path: Path
) -> None:
    """The reader waits for a key that is gone. The screen is painted anyhow, and the next key is read."""
    before = terminal.modes()
    (tmp_path / "sample.py").write_text(APP)
    terminal.type("exec bash --norc --noprofile")
    root = Path(__file__).parents[2]
    terminal.type(f"PS1='ready> '; cd {tmp_path}; export PYTHONPATH={root}")
    terminal.type(f"{sys.executable} sample.py")
    terminal.see("nothing yet")
    (tmp_path / "late").touch()
    terminal.press("x")
    while (tmp_path / "late").exists():
        pass
    os.kill(children_of(terminal.pane_pid())[0], signal.SIGSTOP)
    terminal.see("Stopped", "ready> x")
    terminal.press("C-u")
    terminal.type("fg; echo left=$?")
    terminal.see_gone("Stopped")
    terminal.see("nothing yet")
    terminal.press("y")
    terminal.see("pressed y")
    terminal.press("q")
    terminal.see("left=0")
    assert terminal.modes() == before
