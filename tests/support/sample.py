"""Who and when: what the fakes and the tests of screens take for granted."""

from datetime import UTC, datetime

from app.domain.credentials import Endpoint, Provider
from app.domain.organizations import Person
from app.domain.secret import Secret

NOW = datetime(2026, 3, 14, 12, 4, 31, tzinfo=UTC)
ENDPOINT = Endpoint(Provider.CHAINLOOP, "api.acme.example:443")
ADA = Person("11111111-0000-4000-8000-000000000001", "ada@acme.example", "Ada", "Sample")
USER_TOKEN = Secret("not-a-real-session-of-ada-3c9a")
CI_TOKEN = Secret("not-a-real-token-of-ci-release-77f0")
