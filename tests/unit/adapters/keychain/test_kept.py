"""Between two calls a connection is kept while somebody wants it, and closed when nobody does."""

from app.adapters.keychain.kept import Kept


class Connection:
    def __init__(self) -> None:
        self.closed = False

    def close(self) -> None:
        self.closed = True


def test_what_is_given_is_kept_for_the_next_and_closed_at_the_end() -> None:
    kept: Kept[Connection] = Kept()
    one = Connection()
    with kept.open():
        kept.give(one)
        assert kept.take() is one
        assert kept.take() is None
        kept.give(one)
        assert not one.closed
    assert one.closed


def test_nobody_wants_it_so_it_is_closed_at_once() -> None:
    kept: Kept[Connection] = Kept()
    one = Connection()
    kept.give(one)
    assert one.closed
    assert kept.take() is None


def test_the_last_one_out_closes_it() -> None:
    kept: Kept[Connection] = Kept()
    one = Connection()
    with kept.open():
        with kept.open():
            kept.give(one)
        assert (one.closed, kept.wanted) == (False, True)
    assert (one.closed, kept.wanted) == (True, False)


def test_what_comes_back_after_everybody_left_is_closed() -> None:
    kept: Kept[Connection] = Kept()
    one = Connection()
    with kept.open():
        kept.give(one)
        assert kept.take() is one
    assert not one.closed
    kept.give(one)
    assert one.closed


def test_of_two_one_is_kept() -> None:
    kept: Kept[Connection] = Kept()
    one, two = Connection(), Connection()
    with kept.open():
        kept.give(one)
        kept.give(two)
        assert (one.closed, two.closed) == (True, False)
    assert two.closed
