"""The sign-in page over real HTTP."""

import hashlib
import re
import secrets
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import httpx
import pytest

from app.domain.errors import RateLimited
from app.server.clock import utc_now
from app.server.core import rate_limit
from app.server.core.rate_limit import MAX_PER_NETWORK, Attempt
from app.server.request_headers import counted_network
from tests.integration.server.callers import Caller, refusal
from tests.integration.server.conftest import Cast, client_of
from tests.integration.server.test_tokens import claims_of
from tests.support.databases import ON_BOTH
from tests.support.organizations import Member, Organization
from tests.support.server import (
    CALLBACK,
    AccountServer,
    ServerFactory,
    csrf_of,
    own_address,
    sign_in,
    submit_login,
)

EXPIRED = ("UNAUTHENTICATED", "JWT token has expired")
GONE = ("UNAUTHENTICATED", "Token is invalid")


def test_the_token_is_added_to_the_callback_and_what_was_there_stays(
    people: Cast, browser: httpx.Client
) -> None:
    callback = "http://127.0.0.1:9/auth/callback?state=a%2Fb%20c&empty=&t=evil"
    answer = submit_login(browser, *people.login, callback)
    assert answer.status_code == 303
    location = urlsplit(answer.headers["location"])
    assert (location.netloc, location.path) == ("127.0.0.1:9", "/auth/callback")
    assert location.query.startswith("state=a%2Fb%20c&empty=&t=ey")
    assert Caller(people.server, parse_qs(location.query)["t"][0]).current().current_user.email


def test_a_sign_in_lasts_a_week_and_says_so_in_the_token(people: Cast) -> None:
    claims = claims_of(people.bearers["owner"])
    assert claims["aud"] == "user-auth.chainloop"
    assert claims["user_id"] == people("owner").current().current_user.id
    assert int(str(claims["exp"])) - int(str(claims["iat"])) == 7 * 86_400


def test_without_long_lived_it_lasts_ten_seconds(people: Cast, browser: httpx.Client) -> None:
    page = browser.get("/auth/login")
    form = {"csrf_token": csrf_of(page.text), "email": people.login[0], "password": people.login[1]}
    shown = browser.post("/auth/login", params={"callback": "", "long-lived": "false"}, data=form).text
    # What is left of them when the page is made.
    assert re.search(r"\b(\d|10|a) seconds? from now", shown)
    claims = claims_of(shown.partition("<textarea")[2].partition(">")[2].partition("<")[0])
    assert int(str(claims["exp"])) - int(str(claims["iat"])) in {10, 11}


def test_two_sign_ins_in_one_second_differ(people: Cast) -> None:
    assert sign_in(people.server, *people.login) != sign_in(people.server, *people.login)


def test_the_session_ends_when_its_hours_are_over(fresh_server: ServerFactory) -> None:
    server = fresh_server("--session-hours", "0.0003")
    caller = Caller(server, sign_in(server, *server.owner))
    answers = iter(lambda: refusal(caller.current), None)
    assert next(answer for answer in answers if answer != ("OK", "")) == EXPIRED


def test_a_wrong_password_and_an_unknown_person_look_the_same(people: Cast, browser: httpx.Client) -> None:
    wrong = submit_login(browser, people.login[0], "not the password")
    unknown = submit_login(browser, "nobody@acme.example", "not the password")
    for page in (wrong, unknown):
        assert page.status_code == 401
        assert "That e-mail address and password do not match." in page.text
        assert "not the password" not in page.text
    assert f'value="{people.login[0]}"' in wrong.text


def test_the_address_is_read_without_case_and_spaces(people: Cast, browser: httpx.Client) -> None:
    email, password = people.login
    assert submit_login(browser, f" {email.upper()} ", password).status_code == 303


@pytest.mark.parametrize(("email", "password"), [("", "x"), ("a@b.example", "")])
def test_an_empty_field_is_named(browser: httpx.Client, email: str, password: str) -> None:
    page = submit_login(browser, email, password)
    assert page.status_code == 400
    assert ('id="email-error"' in page.text, 'id="password-error"' in page.text) == (not email, not password)


def test_what_was_typed_is_never_markup(browser: httpx.Client) -> None:
    page = submit_login(browser, '"><script>alert(1)</script>', "x")
    assert "<script>alert" not in page.text


def test_a_form_without_its_own_token_or_cookie_is_refused(people: Cast, browser: httpx.Client) -> None:
    email, password = people.login
    form = {"email": email, "password": password}
    assert browser.post("/auth/login", data=form).status_code == 400
    token = csrf_of(browser.get("/auth/login").text)
    browser.cookies.clear()
    refused = browser.post("/auth/login", data={**form, "csrf_token": token})
    assert refused.status_code == 400
    assert "open too long" in refused.text


def test_without_a_callback_the_token_is_shown(people: Cast, browser: httpx.Client) -> None:
    for callback in ("",):
        page = submit_login(browser, *people.login, callback)
        assert page.status_code == 200
        token = page.text.partition("<textarea")[2].partition(">")[2].partition("<")[0]
        assert Caller(people.server, token).current().current_user.email == people.login[0]
        assert "7 days from now" in page.text


REFUSED = [
    "https://evil.example/",
    "http://evil.example/",
    "//evil.example/x",
    "/\\evil.example",
    "\\\\evil.example",
    "http:/evil.example",
    "http://127.0.0.1@evil.example/",
    "http://evil.example:80@127.0.0.1/",
    "http://127.0.0.1.evil.example/",
    "http://127.0.0.2/",
    "http://2130706433/",
    "ftp://127.0.0.1/",
    "javascript:alert(1)",
    "data:text/html,x",
    "ftp://127.0.0.1/",
    "http://[::2]/",
    "http://[::1",
    "http://127.0.0.1:99999/",
    "http://127.0.0.1:x/",
    "/\t/evil.example",
    "http://127.0.0.1/\r\nSet-Cookie: a=b",
    "http://127.0.0.1:9/ ",
    "callback",
    f"http://127.0.0.1/{'x' * 2000}",
]


@pytest.mark.parametrize("callback", REFUSED)
def test_a_callback_that_leads_elsewhere_is_refused(
    people: Cast, browser: httpx.Client, callback: str
) -> None:
    asked = browser.get("/auth/login", params={"callback": callback})
    assert asked.status_code == 400
    assert "This sign-in link leads elsewhere" in asked.text
    token = csrf_of(browser.get("/auth/login").text)
    form = {"csrf_token": token, "email": people.login[0], "password": people.login[1]}
    sent = browser.post("/auth/login", params={"callback": callback}, data=form)
    assert (sent.status_code, sent.headers.get("location")) == (400, None)


@pytest.mark.parametrize(
    "callback",
    [
        "http://127.0.0.1:9/a",
        "https://127.0.0.1:9/a",
        "http://localhost:9/a",
        "http://LOCALHOST:9/a",
        "/after?x=1",
    ],
)
def test_loopback_and_relative_callbacks_are_allowed(
    people: Cast, browser: httpx.Client, callback: str
) -> None:
    answer = submit_login(browser, *people.login, callback)
    assert answer.status_code == 303
    assert answer.headers["location"].startswith(callback.lower())


def test_an_ipv6_callback_gets_a_page_that_leads_there(people: Cast, browser: httpx.Client) -> None:
    page = submit_login(browser, *people.login, "http://[::1]:9/a?state=s")
    assert page.status_code == 200
    assert 'content="0;url=http://[::1]:9/a?state=s&amp;t=ey' in page.text


def test_every_answer_carries_the_headers(people: Cast, browser: httpx.Client) -> None:
    answers = [
        browser.get("/auth/login", params={"callback": CALLBACK}),
        browser.get("/auth/login", params={"callback": "https://evil.example"}),
        submit_login(browser, *people.login),
        browser.get("/nowhere"),
        browser.get("/healthz"),
    ]
    for answer in answers:
        headers = answer.headers
        assert (headers["cache-control"], headers["referrer-policy"]) == ("no-store", "no-referrer")
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
    assert "form-action 'self' http://127.0.0.1:9;" in answers[0].headers["content-security-policy"]
    assert "form-action 'self';" in answers[1].headers["content-security-policy"]


def test_nothing_on_the_pages_comes_from_elsewhere(people: Cast, browser: httpx.Client) -> None:
    page = browser.get("/auth/login").text + submit_login(browser, *people.login, None).text
    assert "//" not in page.replace("<!doctype", "").replace("http-equiv", "")
    assert "url(" not in browser.get("/static/pages.css").text


def fail_before(server: AccountServer, count: int, account: str, address: str, ago: timedelta) -> None:
    """As if `count` wrong passwords had been sent that long ago."""
    key, at = hashlib.sha256(account.encode()).hexdigest(), (datetime.now(UTC) - ago).replace(tzinfo=None)
    connection = server.database()
    rows = [(uuid4().hex, at.isoformat(" ", "microseconds"), key, address) for _ in range(count)]
    connection.executemany("INSERT INTO login_attempts VALUES (?, ?, ?, ?, false)", rows)
    connection.close()


@ON_BOTH
def test_too_many_wrong_passwords_are_stopped_with_a_time(organization: Organization) -> None:
    server, owner = organization.server, organization.owner
    fail_before(server, 7, owner.email, own_address(), timedelta(minutes=5))
    fail_before(server, 50, owner.email, own_address(), timedelta(minutes=15))
    with client_of(server) as browser:
        statuses = [submit_login(browser, owner.email, "wrong").status_code for _ in range(3)]
        stopped = submit_login(browser, *owner.login)
        other = submit_login(browser, *organization.member("viewer").login)
    assert statuses == [401] * 3
    assert stopped.status_code == 429
    assert "Try again in 10 minutes, at " in stopped.text
    assert 540 < int(stopped.headers["retry-after"]) <= 600
    assert other.status_code == 303


@pytest.mark.parametrize("page", ["/auth/login", "/account/sign-in"])
def test_strangers_who_guess_do_not_lock_a_person_out_of_their_own_browser(
    organization: Organization, page: str
) -> None:
    server, owner, viewer = organization.server, organization.owner, organization.member("viewer")
    with client_of(server) as known, client_of(server) as new:
        assert submit(known, page, *owner.login) == 303
        fail_before(server, 10, owner.email, own_address(), timedelta(minutes=1))
        assert submit(new, page, *owner.login) == 429
        assert submit(known, page, *owner.login) == 303
        # On the other page too; nobody else's account is known there.
        assert submit_login(known, owner.email.upper(), owner.password).status_code == 303
        fail_before(server, 10, viewer.email, own_address(), timedelta(minutes=1))
        assert submit(known, page, *viewer.login) == 429


def test_a_known_browser_has_no_more_tries_than_strangers_have(organization: Organization) -> None:
    server, owner = organization.server, organization.owner
    with client_of(server) as known, client_of(server) as new:
        assert submit_login(known, *owner.login).status_code == 303
        statuses = [submit_login(known, owner.email, "wrong").status_code for _ in range(10)]
        assert statuses == [401] * 10
        assert submit_login(known, *owner.login).status_code == 429
        # It was one browser; the account itself is open.
        assert submit_login(new, *owner.login).status_code == 303


def test_a_browser_is_known_by_what_this_server_signed_and_nothing_else(organization: Organization) -> None:
    server, owner = organization.server, organization.owner
    with client_of(server) as browser:
        assert submit_login(browser, *organization.member("viewer").login).status_code == 303
        (known,) = [cookie for cookie in browser.cookies.jar if cookie.name.endswith("_known")]
        mine = known.value or ""
        fail_before(server, 10, owner.email, own_address(), timedelta(minutes=1))
        for value in (mine, f"a{mine}", mine[:-1], "x", ".", ""):
            known.value = value
            assert submit_login(browser, *owner.login).status_code == 429


def submit(browser: httpx.Client, page: str, email: str, password: str) -> int:
    form = {"csrf_token": csrf_of(browser.get(page).text), "email": email, "password": password}
    return browser.post(page, params={"callback": CALLBACK}, data=form).status_code


def test_the_limit_holds_when_the_server_starts_again(fresh_server: ServerFactory) -> None:
    first = fresh_server()
    fail_before(first, 9, first.owner[0], own_address(), timedelta(minutes=1))
    with client_of(first) as browser:
        assert submit_login(browser, first.owner[0], "wrong").status_code == 401
    assert first.stop() == 0
    second = fresh_server(data=first.data)
    with client_of(second) as browser:
        assert submit_login(browser, *second.owner).status_code == 429


@ON_BOTH
def test_attempts_at_the_same_time_all_count(organization: Organization) -> None:
    server, owner = organization.server, organization.owner
    fail_before(server, 6, owner.email, own_address(), timedelta(minutes=1))

    def attempt(_: int) -> int:
        with client_of(server) as browser:
            return submit_login(browser, owner.email, "wrong").status_code

    with ThreadPoolExecutor(8) as pool:
        statuses = sorted(pool.map(attempt, range(8)))
    assert statuses == [401] * 4 + [429] * 4


@ON_BOTH
def test_an_address_is_limited_across_accounts_and_seen_through_the_proxy(organization: Organization) -> None:
    server, limited, free = organization.server, own_address(), own_address()
    fail_before(server, 39, "other", counted_network(limited), timedelta(minutes=1))
    with client_of(server, f"6.6.6.6, {limited}") as browser:
        emails = [f"p{number}@{organization.name}.example" for number in range(2)]
        statuses = [submit_login(browser, email, "wrong").status_code for email in emails]
    assert statuses == [401, 429]
    with client_of(server, f"{limited}, {free}") as browser:
        assert submit_login(browser, *organization.owner.login).status_code == 303


@ON_BOTH
def test_addresses_of_one_ipv6_network_share_a_limit(organization: Organization) -> None:
    server, database = organization.server, organization.database
    network, neighbour = (f"2001:db8:{secrets.randbits(16):x}:{number}" for number in (1, 2))

    def fail(address: str) -> None:
        with database.write() as session:
            rate_limit.count_attempt(session, Attempt(f"{uuid4().hex}@acme.example", address), utc_now())

    for number in range(MAX_PER_NETWORK):
        fail(f"{network}:{number:x}::1")
    with pytest.raises(RateLimited):
        fail(f"{network}:ffff:ffff:ffff:ffff")
    fail(f"{neighbour}::1")
    with client_of(server, f"[{network}::2]:51000") as browser:
        assert submit_login(browser, *organization.owner.login).status_code == 429


def test_an_untrusted_peer_cannot_choose_its_address(fresh_server: ServerFactory) -> None:
    server = fresh_server()
    for _ in range(3):
        with client_of(server) as browser:
            submit_login(browser, "x@acme.example", "wrong")
    connection = server.database()
    assert connection.execute("SELECT DISTINCT address FROM login_attempts").fetchall() == [("127.0.0.1",)]
    connection.close()


@ON_BOTH
def test_a_successful_sign_in_and_a_wrong_password_are_in_the_audit_trail(organization: Organization) -> None:
    server, owner, address = organization.server, organization.owner, own_address()
    with client_of(server, address) as browser:
        submit_login(browser, owner.email, "wrong")
        submit_login(browser, *owner.login)
    with server.database() as connection:
        query = "SELECT action, actor_name, address FROM audit_events WHERE actor_name = ? ORDER BY id"
        rows = connection.execute(query, (owner.email,)).fetchall()
    assert rows == [("login.failed", owner.email, address), ("login", owner.email, address)]


def logout(server: AccountServer, bearer: str, body: object = None) -> httpx.Response:
    headers = {"authorization": f"Bearer {bearer}"} if bearer else {}
    with client_of(server) as client:
        return client.post("/auth/logout", headers=headers, json=body)


def two_sessions(server: AccountServer, person: Member) -> tuple[str, str]:
    return sign_in(server, *person.login), sign_in(server, *person.login)


@ON_BOTH
def test_signing_out_ends_this_session_only(organization: Organization) -> None:
    server = organization.server
    here, there = two_sessions(server, organization.member("viewer"))
    assert logout(server, here, {"everywhere": False}).status_code == 204
    assert refusal(Caller(server, here).current) == GONE
    assert refusal(Caller(server, there).current) == ("OK", "")
    assert logout(server, here).status_code == 401


@ON_BOTH
def test_signing_out_everywhere_ends_all_of_the_persons_sessions(organization: Organization) -> None:
    server = organization.server
    here, there = two_sessions(server, organization.member("contributor"))
    answer = logout(server, here, {"everywhere": True})
    assert (answer.status_code, answer.json()) == (200, {"sessions": 2, "programs": 0})
    for bearer in (here, there):
        assert refusal(Caller(server, bearer).current) == GONE
    assert refusal(Caller(server, organization.owner.bearer).current) == ("OK", "")


@pytest.mark.parametrize("who", ["nobody", "org token"])
def test_only_a_persons_token_signs_out(people: Cast, who: str) -> None:
    answer = logout(people.server, people.bearers.get(who, ""), {"everywhere": True})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    if who == "org token":
        assert refusal(people(who).current) == ("OK", "")


@pytest.mark.parametrize("body", [[], "x", {"everywhere": "yes"}])
def test_a_sign_out_that_makes_no_sense_is_refused(people: Cast, body: object) -> None:
    assert logout(people.server, people.bearers["owner"], body).status_code == 400
    assert refusal(people("owner").current) == ("OK", "")


def test_health_and_unknown_pages(browser: httpx.Client) -> None:
    assert browser.get("/healthz").json() == {"status": "ok"}
    nowhere = browser.get("/nowhere")
    assert nowhere.status_code == 404
    assert "This address leads nowhere on this server." in nowhere.text
    assert browser.put("/auth/login").status_code == 405
    assert (
        browser.get("/auth/login", params={"_scheme": "x", "endpoint": "y", "self": "z"}).status_code == 200
    )


def test_a_body_that_is_too_large_is_refused(browser: httpx.Client) -> None:
    page = browser.post("/auth/login", content=b"x" * 100_000)
    assert page.status_code == 413
