"""What is told of a revocation while it goes on, and when ctrl+c ends it."""

import pytest

from app.cli.chainloop_token_revoke import NotKnown, Progress
from app.cli.exit_codes import PartlyDone
from app.domain.errors import Cancelled, Unreachable
from app.services.revocation import Revocation

PAIRS = [(f"id-{number}", f"token-{number}") for number in range(1, 6)]


def test_every_token_is_told_as_what_it_is() -> None:
    progress = Progress(PAIRS, quiet=True)
    for token_id in ("id-1", "id-2", "id-3"):
        progress.mark_sent(token_id)
    progress.record(Revocation("id-1", "token-1"))
    progress.record(Revocation("id-2", "token-2", Unreachable("connection reset")))
    kinds = [type(result.error) for result in progress.results()]
    assert kinds == [type(None), Unreachable, NotKnown, Cancelled, Cancelled]
    error = progress.interruption()
    assert isinstance(error, PartlyDone)
    assert error.message == (
        "cancelled: 1 of 5 API tokens revoked, 1 not revoked, 1 not known (token-3), 2 not touched"
    )


def test_one_that_is_tried_again_is_not_known_until_its_answer() -> None:
    progress = Progress(PAIRS[:1], quiet=True)
    progress.mark_sent("id-1")
    progress.record(Revocation("id-1", "token-1", Unreachable("connection reset")))
    progress.mark_sent("id-1")
    assert [type(result.error) for result in progress.results()] == [NotKnown]
    progress.record(Revocation("id-1", "token-1"))
    assert progress.interruption().message == "cancelled: 1 of 1 API tokens revoked"


def test_before_the_first_call_it_is_plainly_cancelled() -> None:
    error = Progress(PAIRS, quiet=True).interruption()
    assert isinstance(error, Cancelled)
    assert "nothing was revoked" in error.message


def counted(progress: Progress) -> None:
    with progress:
        for token_id, name in PAIRS:
            progress.record(Revocation(token_id, name))


def test_a_terminal_shows_the_count_on_one_line_that_is_gone_afterwards(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    counted(Progress(PAIRS, quiet=False))
    said = capsys.readouterr()
    assert said.out == ""
    assert "\rrevoked 5 of 5" in said.err
    assert "\n" not in said.err
    assert said.err.endswith(f"\r{' ' * len('revoked 5 of 5')}\r")


@pytest.mark.parametrize(
    ("quiet", "terminal", "term"), [(True, True, "xterm"), (False, False, "xterm"), (False, True, "dumb")]
)
def test_elsewhere_there_is_no_such_line(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    quiet: bool,
    terminal: bool,
    term: str,
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: terminal)
    monkeypatch.setenv("TERM", term)
    counted(Progress(PAIRS, quiet=quiet))
    assert capsys.readouterr().err == ""
