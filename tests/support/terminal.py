"""A real terminal to drive the program in: tmux on a socket of its own."""

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support import require

PATIENCE = 40.0


class Terminal:
    """One tmux session. Reads like a manual: `type`, `press`, `see`, `resize`."""

    def __init__(self, folder: Path, columns: int = 80, rows: int = 24) -> None:
        self._tmux = [require.tool("tmux"), "-S", str(folder / "tmux"), "-f", "/dev/null"]
        environment = {k: v for k, v in os.environ.items() if k not in {"TMUX", "COLORTERM"}}
        environment.update(TMPDIR=str(folder), PS1="$ ", TERM="xterm-256color")
        subprocess.run(
            [*self._tmux, "new-session", "-d", "-x", str(columns), "-y", str(rows), "/bin/sh"],
            check=True,
            env=environment,
        )

    def _run(self, *arguments: str) -> str:
        return subprocess.run([*self._tmux, *arguments], check=True, capture_output=True, text=True).stdout

    def press(self, *keys: str) -> None:
        """Press keys by tmux's names."""
        self._run("send-keys", *keys)

    def type(self, text: str) -> None:
        """Type `text` and Enter."""
        self._run("send-keys", "-l", text)
        self._run("send-keys", "Enter")

    def resize(self, columns: int, rows: int) -> None:
        """Give the terminal another size."""
        self._run("resize-window", "-x", str(columns), "-y", str(rows))

    def screen(self) -> str:
        """What is on the screen now."""
        return self._run("capture-pane", "-p")

    def history(self) -> str:
        """All that was printed, also what has scrolled away."""
        return self._run("capture-pane", "-p", "-S", "-")

    def modes(self) -> str:
        """ "alternate mouse cursor" flags, as 0 or 1."""
        return self._run("display-message", "-p", "#{alternate_on} #{mouse_any_flag} #{cursor_flag}").strip()

    def see(self, *texts: str) -> str:
        """Wait until all `texts` are on the screen; return it."""
        return self._wait(lambda screen: all(text in screen for text in texts), f"never saw {texts}")

    def see_gone(self, text: str) -> str:
        """Wait until `text` is on the screen no more; return it."""
        return self._wait(lambda screen: text not in screen, f"{text!r} stays")

    def _wait(self, wanted: Callable[[str], bool], otherwise: str) -> str:
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            if wanted(screen := self.screen()):
                return screen
            time.sleep(0.05)  # tmux tells nobody when a screen changes
        raise AssertionError(f"{otherwise}:\n{self.screen()}")

    def pane_pid(self) -> int:
        """The shell's process id."""
        return int(self._run("display-message", "-p", "#{pane_pid}"))

    def close(self) -> None:
        """End the session and everything in it."""
        subprocess.run([*self._tmux, "kill-server"], check=False, capture_output=True)


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    """An 80×24 terminal with a shell."""
    made = Terminal(tmp_path)
    yield made
    made.close()
