"""The same on SQLite and on PostgreSQL: at once, again, twice, and with text that a database minds."""

import secrets
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing

import pytest

from app.domain.errors import RateLimited
from app.domain.secret import Secret
from app.server.core.provider_sign_in import MAX_PENDING_PER_NETWORK, AuthorizationRequest, PendingSignIns
from app.server.persistence.engine import Database
from tests.integration.server.callers import Caller
from tests.support import databases
from tests.support.databases import ON_BOTH
from tests.support.provider import DISCOVERY, Provider, new_person
from tests.support.server import AccountServer
from tests.support.sso import ACCOUNT, browser_at, told

pytestmark = [ON_BOTH, pytest.mark.slow]


def test_many_first_sign_ins_at_once_make_one_person(server: AccountServer, provider: Provider) -> None:
    with ExitStack() as stack, ThreadPoolExecutor(6) as pool:
        browsers = [stack.enter_context(browser_at(server.http)) for _ in range(6)]
        ways = [browser.way_back(ACCOUNT) for browser in browsers]
        answers = list(pool.map(lambda pair: pair[0].http.get(pair[1]), zip(browsers, ways, strict=True)))
    assert [answer.status_code for answer in answers] == [303] * 6, [told(answer) for answer in answers]
    with server.database() as database:
        mine = (provider.person["email"],)
        assert database.execute("SELECT count(*) FROM users WHERE email = ?", mine).fetchone()[0] == 1
        joined = "SELECT count(*) FROM memberships m JOIN users u ON u.id = m.user_id WHERE u.email = ?"
        assert database.execute(joined, mine).fetchone()[0] == 1


def test_one_answer_brought_many_times_at_once_counts_once(server: AccountServer, provider: Provider) -> None:
    with browser_at(server.http) as browser, ThreadPoolExecutor(6) as pool:
        back = browser.way_back(ACCOUNT)
        cookies = dict(browser.http.cookies)

        def bring(_: int) -> int:
            with browser_at(server.http) as copy:
                copy.http.cookies.update(cookies)
                return copy.http.get(back).status_code

        assert sorted(pool.map(bring, range(6))) == [303, 400, 400, 400, 400, 400]


def test_a_person_is_found_again_and_an_address_is_not_handed_on(
    server: AccountServer, provider: Provider
) -> None:
    with browser_at(server.http) as browser:
        first, second = (Caller(server, browser.bearer()).current().current_user.id for _ in range(2))
        assert first == second
        provider.person = new_person(email=provider.person["email"])
        assert browser.sign_in().status_code == 403


@pytest.mark.parametrize("change", [{"email": "a\x00@acme.example"}, {"sub": "a\x00"}, {"email": "x" * 400}])
def test_text_that_a_database_minds_is_refused_before(
    server: AccountServer, provider: Provider, change: dict[str, str]
) -> None:
    provider.person = new_person(**change)
    with browser_at(server.http) as browser:
        assert browser.sign_in().status_code in {403, 502}


def test_names_that_a_database_minds_are_cleaned(server: AccountServer, provider: Provider) -> None:
    provider.person = new_person(given_name="No\x00ra", family_name="B" * 5000)
    with browser_at(server.http) as browser:
        user = Caller(server, browser.bearer()).current().current_user
    assert user.first_name == "No\ufffdra"
    assert len(user.last_name) == 200


def waiting(server: AccountServer) -> set[str]:
    with server.database() as database:
        return {row[0] for row in database.execute("SELECT key FROM pending_sign_ins").fetchall()}


def test_a_provider_that_cannot_be_asked_leaves_no_row(server: AccountServer, provider: Provider) -> None:
    with browser_at(server.http) as browser:
        browser.to_provider(ACCOUNT)
        before = waiting(server)
        provider.answers = {DISCOVERY: (404, b"")}
        assert browser.begin(ACCOUNT).status_code == 502
        assert waiting(server) == before


def test_addresses_of_one_ipv6_network_share_a_limit(server: AccountServer) -> None:
    network = f"2001:db8:{secrets.randbits(16):x}:5"
    with closing(Database(databases.url_of(server.data))) as database:
        pending = PendingSignIns(database)

        def begin(address: str) -> None:
            pending.add(AuthorizationRequest.create(Secret("cookie")), ACCOUNT, address)

        for number in range(MAX_PENDING_PER_NETWORK):
            begin(f"{network}::{number:x}")
        with pytest.raises(RateLimited):
            begin(f"{network}:ffff::1")
        begin(f"{network}5::1")
