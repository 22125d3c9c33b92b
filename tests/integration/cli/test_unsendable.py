"""A credential that no header can carry: told in one way for both providers, and never as signed in."""

import pytest

from app.adapters.http.header_values import header_value
from app.domain.errors import NotSignedIn
from app.domain.secret import Secret
from tests.support.cli import Clerk, Loopin

AT = {
    "GUMLOOP_BASE_URL": "http://127.0.0.1:9/api/v1",
    "CHAINLOOP_CONTROL_PLANE_API": "127.0.0.1:9",
    "CHAINLOOP_API_INSECURE": "true",
}
USER = {"GUMLOOP_USER_ID": "user_not_real"}
CASES = {
    "chainloop": ("token", {"CHAINLOOP_TOKEN": "made-\x1bup"}, ("chainloop", "organization", "describe")),
    "access token": ("access token", {"GUMLOOP_ACCESS_TOKEN": "made-üp"}, ("gumloop", "teams")),
    "api key": ("API key", {"GUMLOOP_API_KEY": "gum_made up", **USER}, ("gumloop", "teams")),
    "user id": (
        "user ID",
        {"GUMLOOP_API_KEY": "gum_made_up", "GUMLOOP_USER_ID": "made\tup"},
        ("gumloop", "teams"),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_it_is_told_in_one_sentence_and_is_not_signed_in(loopin: Loopin, case: str) -> None:
    what, variables, command = CASES[case]
    words = f"the {what} has characters that no {what} has"
    variable = next(name for name, value in variables.items() if not value.isalnum() and "made" in value)
    source = "GUMLOOP_USER_ID" if case == "user id" else variable
    loopin(*command, **AT, **variables).fails(3, f"{words} (from {source})", "copy it again, whole and")
    said = loopin("status", "--json", **AT, **variables).fails(3)
    asked = {one["provider"]: one for one in said.json["providers"]}[command[0]]
    assert asked["signed_in"] is False
    assert f"{words} (from {source})" in asked["warnings"]
    assert "made" not in said.out


def test_a_sign_in_with_one_does_not_claim_that_a_server_refused_it(clerk: Clerk) -> None:
    said = clerk("chainloop", "auth", "login", "--token", "made-üp").fails(3)
    assert "the token has characters that no token has" in said.err
    assert "does not accept" not in said.err
    assert "nothing stored" in clerk("status").fails(3).out


@pytest.mark.parametrize("value", ["a.b-c~d+e/f=", '!"#$'])
def test_printable_ascii_is_sent_as_it_is(value: str) -> None:
    assert header_value(Secret(value), "token") == value


@pytest.mark.parametrize("value", [" ", "a b", "a\n", "\x00", "\x7f", "ü", "a\u2028"])
def test_anything_else_is_never_sent(value: str) -> None:
    with pytest.raises(NotSignedIn):
        header_value(Secret(value), "token")
