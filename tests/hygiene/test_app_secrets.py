"""The full-screen app: what is typed, pasted, made and shown stays out of logs, consoles and pictures."""

import asyncio
import base64
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import app as fakes
from tests.support.pages.page import SIZE, Page, opened
from tests.support.pages.tokens import TokensPage
from tests.support.server import ROOT

pytestmark = pytest.mark.slow

PASTED = "marked-pasted-token-4715"


async def _paste_and_make(log: Path | None = None) -> fakes.FakeContainer:
    """Sign in with a pasted token, make an API token, copy it, leave; return what it ran on."""
    from textual import events

    box = fakes.container(signed_in=False)
    app = fakes.app(box, screen="login:chainloop")
    async with app.run_test(size=SIZE) as pilot:
        page = Page(pilot)
        await page.until(lambda: len(app.screen_stack) > 1)
        await page.press("down", "enter")
        await page.until(lambda: app.focused)
        app.screen.post_message(events.Paste(PASTED))
        for _ in range(6):
            await pilot.pause()
        await pilot.press("enter", "z", "q", "x")
        for _ in range(6):
            await pilot.pause()
    return box


if __name__ == "__main__":
    asyncio.run(_paste_and_make())


def test_textuals_log_and_console_hear_nothing(tmp_path: Path) -> None:
    """TEXTUAL_LOG and the `devtools` feature would get each key and each paste as it is."""
    log = tmp_path / "textual.log"
    done = subprocess.run(
        [sys.executable, "-m", "tests.hygiene.test_app_secrets"],
        cwd=ROOT,
        env={**os.environ, "TEXTUAL_LOG": str(log), "TEXTUAL": "devtools,debug", "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    said = done.stdout + done.stderr + (log.read_text() if log.exists() else "")
    assert PASTED not in said
    assert "Paste" not in said


def test_textuals_camera_is_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """TEXTUAL_SCREENSHOT=60 would write what is on the screen then, a token that is shown too, to a file."""
    from textual import constants

    monkeypatch.setattr(constants, "SCREENSHOT_DELAY", 60)
    fakes.app(fakes.container())
    assert constants.SCREENSHOT_DELAY == -1


def test_no_command_takes_a_picture() -> None:
    """Textual's own palette offers one; ours is made from the registry."""
    from app.tui.app import LoopinApp
    from app.tui.commands.palette import LoopinCommands
    from app.tui.commands.registry import CommandGroup as Rooms
    from app.tui.commands.registry import commands

    assert set(LoopinApp.COMMANDS) == {LoopinCommands}
    assert [one.id for room in Rooms for one in commands(room) if "screenshot" in one.action] == []


@pytest.fixture
def box() -> fakes.FakeContainer:
    """Signed in as Ada."""
    return fakes.container()


async def test_a_new_token_is_in_no_picture_before_it_is_shown_and_in_no_trail_ever(
    box: fakes.FakeContainer,
) -> None:
    secret = "not-a-real-token-of-marked-0042"
    app = fakes.app(box, screen="tokens")
    async with opened(TokensPage, app) as tokens:
        form = await tokens.new()
        await form.write("marked")
        reveal = await form.create()
        await reveal.reads("NOT SAVED YET")
        assert secret not in app.export_screenshot()
        assert secret not in reveal.text()
        # The tree of widgets is what a crash or a console would print.
        assert secret not in "".join(repr(widget) for widget in app.screen.walk_children())
        await reveal.copy()
        await reveal.reads("copied with wl-copy")
        assert box.fake_clipboard.copied == [secret]
        assert secret not in app.export_screenshot()
    assert secret not in repr(box.fake_activity.lines)
    assert secret not in repr(box.fake_preferences.chosen)


def _fails(secret: object, wrapped: object, headers: object) -> None:
    raise ValueError(secret)


def test_a_secret_says_nothing_of_itself_to_those_who_print_everything() -> None:
    """Tracebacks with variables, structured logs, consoles, copies."""
    import copy
    import dataclasses
    import logging
    import pickle
    import traceback

    from rich.console import Console
    from rich.pretty import pretty_repr
    from rich.traceback import Traceback

    from app.domain.secret import Secret

    value = "marked-value-4716-of-some-length"
    secret = Secret(value)
    wrapped = dataclasses.make_dataclass("Wrapped", ["inner"])(secret)
    console = Console(record=True, width=200, file=open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115  # recorded
    with pytest.raises(ValueError) as caught:
        _fails(secret, wrapped, {"headers": [secret]})
    # Of the frames below: this one knows the value itself.
    error, inner = caught.value, caught.tb.tb_next
    console.print(Traceback.from_exception(ValueError, error, inner, show_locals=True))
    said = "".join(traceback.format_exception(error))
    said += "".join(traceback.TracebackException(ValueError, error, inner, capture_locals=True).format())
    console.print(secret, wrapped, {"a": secret}, f"{secret!r} {secret!s} {secret:>40}")
    record = logging.LogRecord("a", 10, "b", 1, "%s %r", (secret, secret), None)
    shown = [console.export_text(), said, pretty_repr(wrapped), record.getMessage(), repr(vars(wrapped))]
    assert [
        text for text in shown if value in text or base64.b64encode(value.encode()).decode() in text
    ] == []
    with pytest.raises(TypeError):
        pickle.dumps(secret)
    with pytest.raises(TypeError):
        copy.deepcopy(secret)
    console.file.close()
