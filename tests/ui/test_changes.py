"""Workers that change something: one at a time; and what is begun comes to its end before the app does."""

import asyncio
from typing import Any

from textual import on
from textual.app import App, ComposeResult
from textual.widgets import Button, Static

from app.tui.screens.workers import change, find_running
from tests.support.pilot import settle, until


class Counting(App[int]):
    """Three changes that wait until they are told to go on."""

    closing = False

    def __init__(self) -> None:
        super().__init__()
        self.go_on = asyncio.Event()
        self.done: list[str] = []

    def compose(self) -> ComposeResult:
        yield Button("save", id="save")
        yield Static("")

    @on(Button.Pressed)
    def _pressed(self) -> None:
        self.save("a")

    @change("save it")
    async def save(self, name: str) -> None:
        await self._work(f"save {name}")

    @change("sign out of {0}", group="sign out of {0}")
    async def sign_out(self, provider: str) -> None:
        await self._work(provider)

    @change("remember the theme", quiet=True)
    async def remember(self) -> None:
        await self._work("theme")

    @change("fail")
    async def fail(self) -> None:
        raise ZeroDivisionError

    async def _work(self, name: str) -> None:
        await self.go_on.wait()
        self.done.append(name)

    def said(self) -> list[str]:
        """The toasts."""
        return [note.message for note in self._notifications]


async def test_a_second_press_is_ignored_and_says_so() -> None:
    app = Counting()
    async with app.run_test() as pilot:
        # One burst: nothing has run between the two.
        assert app.save("a") is not None
        assert app.save("b") is None
        assert await until(pilot, lambda: app.said() == ["Already under way: save it"])
        app.go_on.set()
        assert await until(pilot, lambda: app.done)
        assert app.done == ["save a"]
        assert app.save("c") is not None
        assert await until(pilot, lambda: app.done == ["save a", "save c"])


async def test_changes_of_two_providers_are_two_and_of_one_are_one() -> None:
    app = Counting()
    async with app.run_test() as pilot:
        app.sign_out("Gumloop")
        app.sign_out("Chainloop")
        app.sign_out("Gumloop")
        assert await until(pilot, lambda: app.said() == ["Already under way: sign out of Gumloop"])
        running = find_running(app, "sign out of Chainloop")
        assert running is not None
        assert running.description == "sign out of Chainloop"
        app.go_on.set()
        assert await until(pilot, lambda: app.done == ["Gumloop", "Chainloop"])
        assert find_running(app, "sign out of Chainloop") is None


async def test_a_quiet_change_is_ignored_without_a_word() -> None:
    app = Counting()
    async with app.run_test() as pilot:
        app.remember()
        app.remember()
        await settle(pilot)
        assert app.said() == []


async def test_a_change_that_failed_can_be_tried_again() -> None:
    app = Counting()
    async with app.run_test() as pilot:
        for _ in range(2):
            assert app.fail() is not None
            assert await until(pilot, lambda: find_running(app, "fail") is None)


async def test_nothing_is_begun_while_the_app_is_closing() -> None:
    app = Counting()
    async with app.run_test() as pilot:
        app.closing = True
        assert app.save("a") is None
        assert await until(pilot, lambda: app.said() == ["Loopin is closing: nothing new is begun"])


async def test_a_change_of_another_node_does_not_count() -> None:
    """A dialog that is opened once more has changes of its own."""
    app = Counting()
    async with app.run_test():
        app.save("a")
        other: Any = app.query_one(Static)
        assert find_running(other, "save") is None
