"""The private names of Textual that app/tui/terminal.py uses, and a terminal that closes."""

import ast
import io
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import pytest
import textual
from textual.app import App
from textual.css.stylesheet import Stylesheet
from textual.drivers.linux_driver import LinuxDriver
from textual.message_pump import MessagePump

from app.tui.terminal import CRASH_MESSAGE, CachedStylesheet, TerminalApp, TerminalDriver, TerminalFile

ROOT = Path(__file__).resolve().parents[3]
TERMINAL = ROOT / "app" / "tui" / "terminal.py"
TEXTUAL = Path(textual.__file__).parent
BASES = (
    "app", "screen", "widget", "dom", "message_pump", "scroll_view", "css/stylesheet"
)  # fmt: skip
SECRET = "not-a-real-token-in-a-variable"


def private_names(path: Path) -> Iterator[str]:
    """Private attributes that a module defines or reads; `_x` but neither `__x` nor `_watch_x`."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        name = (
            node.attr if isinstance(node, ast.Attribute)
            else node.name if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            else ""
        )  # fmt: skip
        if name.startswith("_") and not name.startswith("__"):
            yield name


def test_only_the_terminal_uses_private_names_of_textual() -> None:
    """A name that only looks like ours would replace Textual's in the class that has it."""
    theirs = {name for base in BASES for name in private_names(TEXTUAL / f"{base}.py")}
    ours = {
        f"{path.relative_to(ROOT)}: {name}"
        for folder in (ROOT / "app" / "tui", ROOT / "widgets")
        for path in folder.rglob("*.py")
        if path != TERMINAL
        for name in private_names(path)
        if name in theirs
    }
    assert ours == set()


def test_messages_are_still_dispatched_by_the_method_that_is_wrapped() -> None:
    assert MessagePump._dispatch_message.__qualname__.startswith("contain_errors")
    assert "_dispatch_message" in set(private_names(TEXTUAL / "message_pump.py"))


@pytest.mark.parametrize("name", ["_handle_exception", "_fatal_error"])
def test_unhandled_errors_still_come_to_the_methods_that_are_replaced(name: str) -> None:
    assert callable(getattr(App, name))


def test_a_fatal_error_prints_no_variables(capfd: pytest.CaptureFixture[str]) -> None:
    """Textual's `_handle_exception` calls `_fatal_error`, which would print a traceback with them."""

    class Failing(TerminalApp):
        def on_load(self) -> None:
            secret = SECRET
            raise ZeroDivisionError(secret)

    app = Failing()
    app.run(headless=True)
    printed = "".join(capfd.readouterr())
    assert app.return_code == 1
    assert " ".join(printed.split()) == CRASH_MESSAGE


async def test_the_driver_is_still_where_the_app_keeps_it() -> None:
    app = TerminalApp()
    assert app._driver is None
    assert not app.write_to_terminal("")
    async with app.run_test():
        assert app.write_to_terminal("")


def test_a_style_sheet_is_parsed_once_for_each_set_of_variables() -> None:
    sheet = CachedStylesheet(variables={"colour": "red"})
    assert "_parse_cache" in vars(Stylesheet(variables={}))
    sheet.add_source("Label { color: $colour; }")
    sheet.reparse()
    with patch("textual.css.stylesheet.parse", side_effect=AssertionError("parsed again")):
        sheet.reparse()
        sheet.set_variables({"colour": "red"})
        sheet.reparse()
    sheet.set_variables({"colour": "blue"})
    sheet.reparse()
    assert [rule.styles.color.hex for rule in sheet.rules] == ["#0000FF"]


@pytest.fixture
def stdin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A standard input with a file descriptor, which pytest takes away."""
    with open(__file__, encoding="utf-8") as file:
        monkeypatch.setattr("sys.__stdin__", file)
        yield


@pytest.mark.usefixtures("stdin")
async def test_the_driver_still_keeps_its_threads_and_its_file() -> None:
    driver = TerminalDriver(TerminalApp())
    names = set(private_names(TEXTUAL / "drivers" / "linux_driver.py"))
    assert {"_file", "_writer_thread", "_key_thread"} <= names
    assert isinstance(driver._file, TerminalFile)
    assert (driver._writer_thread, driver._key_thread) == (None, None)
    assert issubclass(TerminalDriver, LinuxDriver)
    assert TerminalApp().get_driver_class() is TerminalDriver


class ClosedFile(io.StringIO):
    """The file of a terminal whose window was closed."""

    def write(self, text: str, /) -> int:
        """Fail as the system does."""
        raise OSError(5, "Input/output error")


def test_what_is_written_to_a_closed_terminal_is_lost_and_reported_once() -> None:
    closed: list[str] = []
    file = TerminalFile(ClosedFile(), lambda: closed.append("closed"))
    file.write("a")
    file.write("b")
    file.flush()
    assert closed == ["closed"]


def test_what_is_written_to_an_open_terminal_arrives() -> None:
    text = io.StringIO()
    file = TerminalFile(text, lambda: None)
    file.write("a")
    file.flush()
    assert text.getvalue() == "a"
