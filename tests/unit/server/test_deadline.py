"""The time that is left of a call."""

import pytest

from app.server.deadline import Deadline, DeadlineExceeded, current_deadline, set_deadline


def test_without_an_end_the_most_is_left() -> None:
    assert Deadline().left(20.0) == 20.0
    assert current_deadline().left(20.0) == 20.0


def test_with_an_end_less_is_left() -> None:
    assert 0 < Deadline(5.0).left(20.0) <= 5.0
    assert Deadline(500.0).left(20.0) == 20.0


@pytest.mark.parametrize("seconds", [0.0, -3.0])
def test_when_it_has_passed_nothing_is_left(seconds: float) -> None:
    assert Deadline(seconds).left(20.0) == 0.0
    with pytest.raises(DeadlineExceeded):
        Deadline(seconds).check()


def test_a_cancellation_ends_it() -> None:
    until = Deadline(500.0)
    until.check()
    until.cancel()
    assert until.left(20.0) == 0.0
    with pytest.raises(DeadlineExceeded):
        until.check()


def test_it_applies_in_its_block_only() -> None:
    until = Deadline(3.0)
    with set_deadline(until):
        assert current_deadline() is until
    assert current_deadline() is not until
