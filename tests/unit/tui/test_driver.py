"""A terminal that is gone takes nothing any more, and ends the app."""

import io

from app.tui.driver import Window


class Closed(io.StringIO):
    """A terminal whose window was closed."""

    def write(self, text: str, /) -> int:
        """Fail as the system does."""
        raise OSError(5, "Input/output error")


def test_what_is_written_after_it_has_gone_is_lost_and_it_is_told_once() -> None:
    told: list[str] = []
    window = Window(Closed(), lambda: told.append("gone"))
    window.write("a")
    window.write("b")
    window.flush()
    assert told == ["gone"]


def test_what_is_written_before_arrives() -> None:
    file = io.StringIO()
    window = Window(file, lambda: None)
    window.write("a")
    window.flush()
    assert file.getvalue() == "a"
