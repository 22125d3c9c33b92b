"""The footer: which keys and which words on the right fit."""

from datetime import UTC, datetime

from widgets.footer import Footer, KeyHint

NOW = datetime(2026, 3, 14, 12, 4, 31, tzinfo=UTC)
HINTS = (KeyHint("l", "log in", "login"), KeyHint("r", "refresh", "refresh"), KeyHint("?", "help", "help"))
ALL = "l log in  r refresh  ? help"


def shown(width: int) -> tuple[str, str]:
    """What stands on the left and on the right."""
    bar = Footer()
    bar.set_reactive(Footer.hints, HINTS)
    bar.set_reactive(Footer.as_of, NOW)
    left, right = bar.parts(width)
    return "".join(part.text for part in left), "".join(part.text for part in right)


def test_with_room_for_everything_the_time_is_told_in_words() -> None:
    assert shown(60) == (ALL, " as of 12:04:31")


def test_two_words_go_before_a_key_does() -> None:
    assert shown(len(ALL) + len(" 12:04:31")) == (ALL, " 12:04:31")


def test_a_key_goes_before_the_time_does_and_the_help_last() -> None:
    assert shown(30) == ("l log in  ? help", " 12:04:31")
    assert shown(20) == ("? help", " 12:04:31")
    assert shown(8) == ("? help", "")
