"""Functions of the pages that need no request."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.server.web.browser_session import safe_next
from app.server.web.provider_pages import format_sentence


@given(st.text(max_size=80))
def test_after_sign_in_nothing_but_our_own_pages_follows(text: str) -> None:
    for value in (text, f"/{text}", f"//{text}", f"/oauth/authorize?{text}", f"/account/keys{text}"):
        assert safe_next(value).startswith(("/oauth/authorize?", "/account/keys"))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("your account is off", "Your account is off."),
        ("login.example does not answer", "login.example does not answer."),
        ("localhost: no", "localhost: no."),
        ("a@b.example belongs", "a@b.example belongs."),
    ],
)
def test_a_sentence_begins_with_a_capital_letter_unless_with_a_name(text: str, shown: str) -> None:
    assert format_sentence(text) == shown
