"""How often a call asks the database: each statement is a round trip."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import event

from app.server import sample_data
from app.server.core.api_tokens import CreateTokenRequest
from app.server.core.organizations import read_context
from app.server.core.services import Services
from tests.integration.server.test_in_flight import services as services
from tests.support.databases import ON_BOTH
from tests.support.principals import identify


@pytest.fixture
def jwt(services: Services) -> str:
    return services.sessions.sign_in(sample_data.OWNER, sample_data.PASSWORD, "").jwt


def statements(services: Services, work: Callable[[], object]) -> list[str]:
    """The first word of each; without those that begin a transaction and set its timeouts."""
    words: list[str] = []

    def note(*how: Any) -> None:
        words.append(how[2].split()[0])

    event.listen(services.database.engine, "before_cursor_execute", note)
    work()
    event.remove(services.database.engine, "before_cursor_execute", note)
    return [word for word in words if word not in {"BEGIN", "PRAGMA", "SET"}]


@ON_BOTH
@pytest.mark.parametrize("organization", ["acme", ""])
def test_current_is_one_statement(services: Services, jwt: str, organization: str) -> None:
    found: list[Any] = []
    assert statements(
        services, lambda: found.append(read_context(identify(services, jwt, organization)))
    ) == ["SELECT"]
    ((user, belonging),) = found
    assert user.email == belonging.user.email == sample_data.OWNER
    assert belonging.organization.name == "acme"
    assert belonging.membership.role == "owner"


@ON_BOTH
def test_a_creation_reads_who_creates_once_more_in_one_statement(services: Services, jwt: str) -> None:
    owner = identify(services, jwt, "acme")
    asked = statements(services, lambda: services.api_tokens.create_token(owner, CreateTokenRequest("ci")))
    assert asked == ["SELECT", "INSERT", "INSERT"]
