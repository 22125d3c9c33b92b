"""Two browsers of one person, one between the reads of the other."""

from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from app.server.clock import utc_now
from app.server.core.key_ring import load_or_create
from app.server.core.provider_sign_in import ProviderSignIn, VerifiedIdentity
from app.server.core.token_signing import TokenSigner
from app.server.persistence.engine import Database
from tests.support import databases
from tests.support.provider import Provider
from tests.support.server import AccountServer

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("database_kind", ["postgresql"], indirect=True)
def test_a_first_sign_in_that_was_overtaken_is_the_same_person(
    server: AccountServer, provider: Provider, tmp_path: Path
) -> None:
    """On PostgreSQL nothing locks the two reads together: readers do not wait for writers."""
    known = VerifiedIdentity(provider.url, provider.person["sub"], provider.person["email"])
    overtaken: list[str] = []
    with closing(Database(databases.url_of(server.data))) as database:
        sign_in = ProviderSignIn(
            database, TokenSigner(load_or_create(tmp_path), utc_now), utc_now, timedelta(hours=1), None
        )

        def overtake(_connection: object, _cursor: object, statement: str, *_: Any) -> None:
            """The person was not found by the subject, and is not yet looked for by the address."""
            if "users.email = " in statement and not overtaken:
                overtaken.append(known.email)
                sign_in.sign_in(known, "127.0.0.2")

        event.listen(database.engine, "before_cursor_execute", overtake)
        assert sign_in.sign_in(known, "127.0.0.1").email == known.email
    assert overtaken == [known.email]
    with server.database() as side:
        joined = "SELECT count(*) FROM external_identities WHERE subject = ?"
        assert side.execute(joined, (known.subject,)).fetchone()[0] == 1
