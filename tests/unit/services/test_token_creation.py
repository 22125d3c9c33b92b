"""Under an API token that ends, nothing is created that would outlive it, whoever asks for it."""

import pytest

from app.domain.errors import UsageError
from app.domain.tokens import TokenDraft
from tests.support.rooms import limited


async def test_the_end_is_checked_for_what_a_form_showed() -> None:
    box = limited(40)
    listing = await box.tokens.list_tokens()
    box.plane.calls.clear()
    with pytest.raises(UsageError, match="it would outlive the API token in effect"):
        await box.token_creation.create_token(TokenDraft("ci-new", project="web"), shown=listing.context)
    assert box.plane.calls == []
