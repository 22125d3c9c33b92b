"""A server with any number of API tokens, of the kinds that an organization has."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.support.server import AccountServer, bulk_tokens, release, sign_in, start
from tests.support.server_process import run_program

THRESHOLD = 90


def filled_server(folder: Path, counts: Sequence[int]) -> Iterator[tuple[AccountServer, str]]:
    """One server, given once for each count, with so many tokens more than it began with; and a token of
    its owner. It ends with the last."""
    server = start(folder, launch=run_program)
    try:
        token, there = sign_in(server, *server.owner), 0
        for count in counts:
            bulk_tokens(server, "acme", count - there)
            _make_lively(server)
            there = count
            yield server, token
    finally:
        release(server.process)


def _make_lively(server: AccountServer) -> None:
    """Set a threshold; every second token expires within 100 days, each was used within the last 92."""
    with server.database() as connection:
        connection.execute("UPDATE organizations SET api_token_max_days_inactive = ?", (THRESHOLD,))
        connection.execute(
            "UPDATE api_tokens SET last_used_at ="
            " strftime('%Y-%m-%d %H:%M:%f000', 'now', '-' || (rowid * 7919 % 8000000) || ' seconds'),"
            " expires_at = CASE WHEN rowid % 2 THEN"
            " strftime('%Y-%m-%d %H:%M:%f000', 'now', '+' || (rowid * 6007 % 8640000 + 60) || ' seconds')"
            " END"
            " WHERE name LIKE 'bulk-%'"
        )
