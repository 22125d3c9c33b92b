"""The mask over a child's output."""

from hypothesis import given
from hypothesis import strategies as st

from app.cli.run import MASK, Masker

SECRETS = [b"secret-one", b"secret", b"other"]
pieces = st.lists(
    st.sampled_from([b"secret-one", b"secret", b"sec", b"other", b"oth", b"x", b"\n", b"-one", b"\xff"])
)


def _through(data: bytes, cuts: list[int]) -> bytes:
    masker, shown, start = Masker(SECRETS), b"", 0
    for cut in [*sorted(cut % (len(data) + 1) for cut in cuts), len(data)]:
        shown += masker.feed(data[start:cut])
        start = cut
    return shown + masker.rest()


@given(pieces, st.lists(st.integers(0, 1000), max_size=8))
def test_no_secret_gets_through_however_the_stream_is_cut(parts: list[bytes], cuts: list[int]) -> None:
    shown = _through(b"".join(parts), cuts)
    assert not any(secret in shown for secret in SECRETS)


@given(st.binary(), st.lists(st.integers(0, 1000), max_size=8))
def test_what_holds_no_secret_passes_unchanged(data: bytes, cuts: list[int]) -> None:
    if not any(secret in data for secret in SECRETS):
        assert _through(data, cuts) == data


def test_what_cannot_become_a_secret_is_not_held_back() -> None:
    masker = Masker(SECRETS)
    assert masker.feed(b"progress 10 %") == b"progress 10 %"
    assert masker.feed(b"a sec") == b"a "
    assert masker.feed(b"ond") == b"second"
    assert masker.feed(b"secret-one!") == MASK + b"!"
