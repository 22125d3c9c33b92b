"""Commands that were started with a standard stream closed."""

import sys

import pytest

from tests.support.cli import PATIENCE, Loopin, Result, ran
from tests.support.server import ROOT

pytestmark = pytest.mark.slow

CREATE = "chainloop organization api-token create --name x -o token"
NOWHERE = {
    "CHAINLOOP_TOKEN": "not-a-real-token",
    "CHAINLOOP_CONTROL_PLANE_API": "127.0.0.1:1",
    "CHAINLOOP_API_INSECURE": "true",
}


def shell(loopin: Loopin, line: str, **environment: str) -> Result:
    """Run a line of the shell in which `loopin` is the command."""
    script = f'loopin() {{ "{sys.executable}" -m app "$@"; }}; loopin {line}'
    return ran(["timeout", str(PATIENCE), "sh", "-c", script], loopin.variables(**environment), cwd=ROOT)


@pytest.mark.parametrize("line", ["status --offline >&-", "run -- echo hi >&-"])
def test_without_a_standard_output_nothing_is_begun(loopin: Loopin, line: str) -> None:
    said = shell(loopin, line).fails(2, "loopin: standard output is closed\n  next: ")
    assert said.out == ""
    assert said.err.count("\n") == 2


def test_without_a_standard_output_no_token_is_made(loopin: Loopin) -> None:
    """It does not even ask the server, which is not there."""
    shell(loopin, f"{CREATE} >&-", **NOWHERE).fails(2, "standard output is closed")
    shell(loopin, CREATE, **NOWHERE).fails(5)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("<&-", "the app needs a terminal"),
        ("chainloop auth login --token - <&-", "standard input is empty: the token was expected"),
    ],
)
def test_without_a_standard_input_it_says_what_it_needs(loopin: Loopin, line: str, words: str) -> None:
    said = shell(loopin, line).fails(2, f"loopin: {words}\n  next: ")
    assert (said.out, said.err.count("\n")) == ("", 2)


def test_without_a_standard_error_it_is_silent_and_the_output_is_whole(loopin: Loopin) -> None:
    whole = loopin("activity", "--json").works()
    assert shell(loopin, "activity --json 2>&-").json["activity"] == whole.json["activity"]
    wrong = shell(loopin, "nonsense 2>&-")
    assert (wrong.code, wrong.out, wrong.err) == (2, "", "")
    assert shell(loopin, "status <&- >&- 2>&-") == Result(2, "", "")


def test_a_command_that_is_run_gets_an_empty_input_not_a_number_to_take(loopin: Loopin) -> None:
    line = "run -- sh -c 'cat && echo read' <&-"
    said = shell(loopin, line, GUMLOOP_ACCESS_TOKEN="not-a-real-token").works()  # looks fake
    assert said.out == "read\n"
