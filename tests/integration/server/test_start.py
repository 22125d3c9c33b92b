"""The server starts, tells where it is, and signs people in."""

from tests.support.server import AccountServer, sign_in


def test_the_sample_owner_signs_in(account_server: AccountServer) -> None:
    assert sign_in(account_server, *account_server.owner).count(".") == 2
