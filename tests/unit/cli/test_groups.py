"""What a word that is no command gets."""

from collections.abc import Sequence

import pytest

from app.cli import root


def said(capsys: pytest.CaptureFixture[str], words: Sequence[str]) -> tuple[int, str, str]:
    """Exit code and both outputs of a command."""
    code = root.run(words)
    return code, *capsys.readouterr()


@pytest.mark.parametrize(
    "path", [[], ["status"], ["chainloop"], ["chainloop", "organization"]], ids=lambda path: " ".join(path)
)
def test_help_as_a_word_is_the_help_of_what_follows(
    capsys: pytest.CaptureFixture[str], path: list[str]
) -> None:
    wanted = said(capsys, [*path, "--help"])
    assert wanted[0] == 0
    assert said(capsys, ["help", *path]) == wanted


def test_help_of_what_is_not_there_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys, ["help", "statu"]) == (
        2,
        "",
        "loopin: there is no command 'statu'; did you mean status?\n  next: see: loopin --help\n",
    )


def test_version_as_a_word_is_pointed_to_the_option(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = said(capsys, ["version"])
    assert (code, out) == (2, "")
    assert "did you mean --version?" in err
