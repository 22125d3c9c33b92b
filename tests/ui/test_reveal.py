"""A new token does not stay on the screen, nor on the clipboard."""

from textual import events

from app.screens.reveal import SECONDS, RevealDialog
from tests.support import app as fakes
from tests.support.rooms import SIZE, Room, stage, story

TOKEN = "not-a-real-token-of-ci-new-0042"


class Clearable(fakes.FakeClipboard):
    """A clipboard that can be read and emptied."""

    holds = ""

    def can_clear(self) -> bool:
        """Yes."""
        return True

    async def copy(self, text: str) -> str:
        """Hold it."""
        self.holds = text
        return await super().copy(text)

    async def clear(self, text: str) -> bool:
        """Empty it, unless it holds something else."""
        if self.holds != text:
            return False
        self.holds = ""
        return True


async def revealed(room: Room) -> None:
    """Create a token and stand on its reveal screen."""
    await room.until(room.names)
    await room.press("n", *"ci-new", "enter")
    await room.dialog(RevealDialog)


async def test_it_hides_itself_after_a_minute() -> None:
    box = story()
    async with stage(box).run_test(size=SIZE) as pilot:
        room = Room(pilot)
        await revealed(room)
        await room.press("s")
        await room.reads(TOKEN)
        box.fake_clock.advance(SECONDS - 1)
        await pilot.pause()
        assert TOKEN in room.text()
        box.fake_clock.advance(1)
        await room.until(lambda: TOKEN not in room.text())
        await room.until(lambda: "hidden again after a minute" in room.toasts())


async def test_it_hides_itself_when_the_terminal_loses_the_focus() -> None:
    async with stage().run_test(size=SIZE) as pilot:
        room = Room(pilot)
        await revealed(room)
        await room.press("s")
        await room.reads(TOKEN)
        pilot.app.post_message(events.AppBlur())
        await room.until(lambda: TOKEN not in room.text())
        pilot.app.post_message(events.AppFocus())
        await pilot.pause()
        assert TOKEN not in room.text()


async def test_the_clipboard_is_emptied_after_a_minute_even_when_the_dialog_is_gone() -> None:
    box = story()
    clipboard = Clearable()
    box.__dict__["clipboard"] = clipboard
    async with stage(box).run_test(size=SIZE) as pilot:
        room = Room(pilot)
        await revealed(room)
        await room.press("y")
        await room.reads("the clipboard is emptied in 60 s, while Loopin runs")
        await room.press("k", "enter")
        await room.reads("saved to GNOME Keyring")
        await room.press("escape")
        await room.closed()
        assert clipboard.holds == TOKEN
        box.fake_clock.advance(SECONDS)
        await room.until(lambda: clipboard.holds == "")
        await room.until(lambda: "taken off the clipboard" in room.toasts())


async def test_what_somebody_else_copied_since_is_left_there() -> None:
    box = story()
    clipboard = Clearable()
    box.__dict__["clipboard"] = clipboard
    async with stage(box).run_test(size=SIZE) as pilot:
        room = Room(pilot)
        await revealed(room)
        await room.press("y")
        await room.reads("the clipboard is emptied")
        clipboard.holds = "something else"
        box.fake_clock.advance(SECONDS)
        for _ in range(5):
            await pilot.pause()
        assert clipboard.holds == "something else"
        assert "taken off" not in room.toasts()


async def test_a_clipboard_that_nobody_can_read_promises_nothing() -> None:
    async with stage().run_test(size=SIZE) as pilot:
        room = Room(pilot)
        await revealed(room)
        await room.press("y")
        await room.reads("copied with wl-copy")
        assert "emptied" not in room.text()
