"""What is in flight when a right ends: a change that was authenticated before, and is written after."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from argon2 import PasswordHasher
from flask.testing import FlaskClient
from sqlalchemy import event, func, select, update

from app.domain.errors import LoopinError, NotFound, NotSignedIn, PermissionDenied, Refused
from app.domain.organizations import Role
from app.server import sample_data
from app.server.core import audit
from app.server.core.access import OwnAccess
from app.server.core.accounts import Accounts
from app.server.core.api_keys import APIKeys
from app.server.core.api_tokens import APITokens, CreateTokenRequest, ProjectReference
from app.server.core.grants import GrantStore
from app.server.core.key_ring import FILE_NAME, load_or_create
from app.server.core.memberships import Memberships
from app.server.core.organizations import OrganizationSettings
from app.server.core.passwords import Passwords
from app.server.core.principals import JobPrincipal, Person, Principal, SignedInBrowser, UserPrincipal
from app.server.core.rate_limit import MAX_PER_ACCOUNT
from app.server.core.removal import Removal
from app.server.core.services import Services, build_services
from app.server.core.sessions import BrowserSessions, Sessions
from app.server.limits import Busy
from app.server.persistence.models import APIToken, AuditEvent, LoginSession, OAuthGrant, User
from app.server.settings import ServerSettings
from app.server.web import browser_session
from app.server.web.app import create_app
from tests.support import databases, oauth
from tests.support.databases import ON_BOTH, Prepare
from tests.support.oauth import Proof, allow, code_request, consent_form, refresh_request, request_for
from tests.support.principals import identify

pytestmark = pytest.mark.slow

OPERATOR = audit.Actor("operator")
EMAIL, PASSWORD, NEW_PASSWORD = sample_data.OWNER, sample_data.PASSWORD, "another-password-not-real"
URL = "http://127.0.0.1:1"
PATIENCE = 30.0


@pytest.fixture
def services(tmp_path: Path, prepare_data: Prepare) -> Iterator[Services]:
    prepare_data(tmp_path)
    load_or_create(tmp_path)
    url = databases.url_of(tmp_path)
    settings = ServerSettings(data=tmp_path, organization_creation=True)
    if not url.startswith("sqlite"):
        settings = replace(settings, database_url=url, signing_key_file=tmp_path / FILE_NAME)
    made = build_services(settings)
    sample_data.seed(made)
    yield made
    made.database.close()


class Interrupted(Passwords):
    """Something happens between the moment at which a password was found right and the session."""

    def __init__(self, meanwhile: Callable[[], object]) -> None:
        super().__init__()
        self._meanwhile = meanwhile

    def matches(self, stored: str | None, password: str) -> bool:
        matched = super().matches(stored, password)
        self._meanwhile()
        return matched


def sign_in(services: Services, meanwhile: Callable[[], object] = lambda: None) -> Sessions:
    passwords = Interrupted(meanwhile)
    return Sessions(
        services.database, passwords, services.signer, services.clock, services.settings.session_life
    )


def reset(services: Services) -> None:
    Accounts(services.database, services.clock).reset_password(OPERATOR, EMAIL, NEW_PASSWORD)


def disable(services: Services) -> None:
    Accounts(services.database, services.clock).disable_user(OPERATOR, EMAIL)


def remove(services: Services) -> None:
    keep_an_owner(services)
    act = Removal(services.database, services.clock)
    act.remove_user(OPERATOR, act.preview_user(EMAIL))


def dissolve(services: Services) -> None:
    act = Removal(services.database, services.clock)
    act.remove_organization(OPERATOR, act.preview_organization("acme"))


def sign_out_everywhere(services: Services) -> None:
    services.sessions.sign_out(services.sessions.sign_in(EMAIL, PASSWORD, "").jwt, True, "")


def leave(services: Services) -> None:
    keep_an_owner(services)
    Memberships(services.database, services.clock).remove_membership(OPERATOR, EMAIL, "acme")


def become_a_viewer(services: Services) -> None:
    keep_an_owner(services)
    Memberships(services.database, services.clock).set_membership(OPERATOR, EMAIL, "acme", Role.VIEWER)


def keep_an_owner(services: Services) -> None:
    Memberships(services.database, services.clock).set_membership(
        OPERATOR, sample_data.VIEWER, "acme", Role.OWNER
    )


def stored_hash(services: Services) -> str | None:
    """None for a person who was removed."""
    with services.database.read() as session:
        return session.scalar(select(User.password_hash).where(User.email == EMAIL))


def open_sessions(services: Services) -> int:
    mine = select(func.count()).select_from(LoginSession).join(User, User.id == LoginSession.user_id)
    with services.database.read() as session:
        return session.scalar(mine.where(User.email == EMAIL, LoginSession.ended_at.is_(None))) or 0


@ON_BOTH
@pytest.mark.parametrize("ending", [reset, disable, remove])
def test_a_sign_in_with_the_old_password_does_not_outlive_it(
    services: Services, ending: Callable[[Services], None]
) -> None:
    with pytest.raises(NotSignedIn):
        sign_in(services, lambda: ending(services)).sign_in(EMAIL, PASSWORD, "")
    assert open_sessions(services) == 0
    if ending is reset:
        assert Passwords().matches(stored_hash(services), NEW_PASSWORD)
        assert sign_in(services).sign_in(EMAIL, NEW_PASSWORD, "").email == EMAIL


@ON_BOTH
@pytest.mark.parametrize("meanwhile", [reset, lambda _services: None], ids=["reset", "nothing"])
def test_a_hash_of_old_parameters_is_renewed_unless_it_was_replaced(
    services: Services, meanwhile: Callable[[Services], None]
) -> None:
    dated = PasswordHasher(time_cost=1, memory_cost=8192).hash(PASSWORD)
    with services.database.write() as session:
        session.execute(update(User).where(User.email == EMAIL).values(password_hash=dated))
    passing = sign_in(services, lambda: meanwhile(services))
    if meanwhile is reset:
        with pytest.raises(NotSignedIn):
            passing.sign_in(EMAIL, PASSWORD, "")
        assert Passwords().matches(stored_hash(services), NEW_PASSWORD)
        return
    passing.sign_in(EMAIL, PASSWORD, "")
    assert stored_hash(services) != dated
    assert Passwords().matches(stored_hash(services), PASSWORD)


def test_a_sign_in_writes_no_hash_that_it_did_not_renew(services: Services) -> None:
    statements: list[str] = []
    before = stored_hash(services)
    event.listen(
        services.database.engine, "before_cursor_execute", lambda *given: statements.append(given[2])
    )
    services.sessions.sign_in(EMAIL, PASSWORD, "")
    assert stored_hash(services) == before
    assert not [sql for sql in statements if sql.startswith("UPDATE users")]


Act = Callable[[Services, Principal, SignedInBrowser], object]


def select_membership(services: Services, actor: Principal, _browser: SignedInBrowser) -> None:
    assert isinstance(actor, UserPrincipal)
    assert actor.membership
    services.organizations.select_membership(actor, str(actor.membership.membership_id))


def some_token(services: Services) -> str:
    with services.database.read() as session:
        query = select(APIToken.id).where(APIToken.revoked_at.is_(None), APIToken.name == "renovate")
        return str(session.scalar(query) or uuid4())


def own(services: Services) -> OwnAccess:
    return OwnAccess(services.database, services.clock)


def change_password(services: Services, meanwhile: Callable[[], object] = lambda: None) -> Sessions:
    return sign_in(services, meanwhile)


ACTS: dict[str, Act] = {
    "create token": lambda services, actor, _: services.api_tokens.create_token(
        actor, CreateTokenRequest("late")
    ),
    "revoke token": lambda services, actor, _: services.api_tokens.revoke_token(actor, some_token(services)),
    "update": lambda services, actor, _: services.organizations.update_organization(
        actor, "acme", OrganizationSettings(api_token_max_days_inactive=3)
    ),
    "select membership": select_membership,
    "create organization": lambda services, actor, _: services.organizations.create_organization(
        actor, "late"
    ),
    "make key": lambda services, _, browser: APIKeys(services.database, services.clock).create_key(
        browser, None, ""
    ),
    "delete key": lambda services, _, browser: services.api_keys.delete_key(browser, None, ""),
    "end session": lambda services, _, browser: own(services).end_session(browser, browser.session_id, ""),
    "end program": lambda services, _, browser: own(services).end_grant(browser, uuid4(), ""),
    "end others": lambda services, _, browser: own(services).end_others(browser, "", keys=True),
    "change password": lambda services, _, browser: change_password(services).change_password(
        browser, PASSWORD, NEW_PASSWORD, ""
    ),
}
ALWAYS = (reset, disable, remove, sign_out_everywhere)
MEMBERSHIP = ("create token", "revoke token", "update")
ROWS = [(act, ending) for act in ACTS for ending in ALWAYS] + [
    (act, ending) for act in MEMBERSHIP for ending in (leave, become_a_viewer, dissolve)
]


def signed_in(services: Services) -> tuple[Principal, SignedInBrowser]:
    jwt = services.sessions.sign_in(EMAIL, PASSWORD, "").jwt
    verified = services.signer.verify_token(jwt)
    with services.database.read() as session:
        person = Person.of(session.scalars(select(User).where(User.email == EMAIL)).one())
    return identify(services, jwt, "acme"), SignedInBrowser(person, verified.id)


@ON_BOTH
@pytest.mark.parametrize("ending", ALWAYS)
def test_a_password_is_not_changed_by_whom_the_old_one_lets_in_no_more(
    services: Services, ending: Callable[[Services], None]
) -> None:
    """What ends between the moment at which the old one was found right and the change."""
    _, browser = signed_in(services)
    change = change_password(services, lambda: ending(services))
    with pytest.raises(NotSignedIn):
        change.change_password(browser, PASSWORD, "third-password-not-real", "")
    is_old = Passwords().matches(stored_hash(services), PASSWORD)
    assert is_old is (ending not in {reset, remove})
    assert not Passwords().matches(stored_hash(services), "third-password-not-real")


def busy() -> None:
    raise Busy


def test_a_password_that_nobody_could_look_at_does_not_count(services: Services) -> None:
    _, browser = signed_in(services)
    for _ in range(MAX_PER_ACCOUNT):
        with pytest.raises(Busy):
            change_password(services, busy).change_password(browser, PASSWORD, NEW_PASSWORD, "")
    change_password(services).change_password(browser, PASSWORD, NEW_PASSWORD, "")
    assert Passwords().matches(stored_hash(services), NEW_PASSWORD)


@ON_BOTH
def test_two_browsers_that_end_each_other_do_not_wait_for_ever(services: Services) -> None:
    browsers = [signed_in(services)[1] for _ in range(2)]
    pairs = zip(browsers, reversed(browsers), strict=True)
    refused: list[LoopinError] = []

    def end(mine: SignedInBrowser, other: SignedInBrowser) -> None:
        try:
            own(services).end_session(mine, other.session_id, "")
        except LoopinError as error:
            refused.append(error)

    threads = [threading.Thread(target=end, args=pair) for pair in pairs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    # One came first; the other was over by then.
    assert [type(error).__name__ for error in refused] == ["SessionEnded"]
    assert open_sessions(services) == 1


def events(services: Services) -> int:
    with services.database.read() as session:
        return session.scalar(select(func.count()).select_from(AuditEvent)) or 0


@ON_BOTH
@pytest.mark.parametrize(("act", "ending"), ROWS, ids=[f"{act}-{ending.__name__}" for act, ending in ROWS])
def test_nothing_is_changed_by_whom_it_was_taken_from_meanwhile(
    services: Services, act: str, ending: Callable[[Services], None]
) -> None:
    actor, browser = signed_in(services)
    ending(services)
    before = events(services)
    with pytest.raises((NotSignedIn, PermissionDenied)):
        ACTS[act](services, actor, browser)
    assert events(services) == before


@ON_BOTH
@pytest.mark.parametrize("act", ["create token", "revoke token"])
def test_nothing_is_changed_by_a_token_that_was_revoked_meanwhile(services: Services, act: str) -> None:
    owner, browser = signed_in(services)
    rights = ("api_token:create", "api_token:revoke")
    listing, jwt = services.api_tokens.create_token(
        owner, CreateTokenRequest("ci-rights", permissions=rights)
    )
    actor = identify(services, jwt, "acme")
    services.api_tokens.revoke_token(owner, str(listing.rows[0].id))
    before = events(services)
    with pytest.raises(NotSignedIn, match="API token revoked"):
        ACTS[act](services, actor, browser)
    assert events(services) == before


def end_project(services: Services) -> None:
    act = Removal(services.database, services.clock)
    act.remove_project(OPERATOR, act.preview_project("acme", "web"))


@ON_BOTH
@pytest.mark.parametrize("ending", [dissolve, end_project])
@pytest.mark.parametrize("act", ["create token", "revoke token"])
def test_nothing_is_changed_by_a_token_that_was_removed_meanwhile(
    services: Services, act: str, ending: Callable[[Services], None]
) -> None:
    owner, browser = signed_in(services)
    rights = ("api_token:create", "api_token:revoke")
    wish = CreateTokenRequest("ci-rights", project=ProjectReference(name="web"), permissions=rights)
    _, jwt = services.api_tokens.create_token(owner, wish)
    actor = identify(services, jwt, "acme")
    ending(services)
    before = events(services)
    with pytest.raises(NotSignedIn, match="API token not found"):
        ACTS[act](services, actor, browser)
    assert events(services) == before


class Held:
    """A clock that holds up the first who asks it, inside the transaction and after its locks.

    Or one who asks later: the first `passing` are answered.
    """

    def __init__(self, passing: int = 0) -> None:
        self.asked, self.go_on = threading.Event(), threading.Event()
        self._passing, self._calls = passing, count()

    def __call__(self) -> datetime:
        if next(self._calls) == self._passing:
            self.asked.set()
            assert self.go_on.wait(PATIENCE)
        return datetime.now(UTC)


@ON_BOTH
def test_what_a_token_creates_is_dated_before_its_revocation(services: Services) -> None:
    """The revocation waits for a creation under way, so that neither is older than it looks."""
    owner, _ = signed_in(services)
    rights = ("organization:read", "api_token:create")
    listing, jwt = services.api_tokens.create_token(
        owner, CreateTokenRequest("ci-rights", permissions=rights)
    )
    parent = listing.rows[0].id
    actor, clock = identify(services, jwt, "acme"), Held()
    create = APITokens(services.database, services.signer, clock)
    wish = CreateTokenRequest("child", project=ProjectReference(name="web"))
    creating = threading.Thread(target=create.create_token, args=(actor, wish))
    creating.start()
    assert clock.asked.wait(PATIENCE)
    revoking = threading.Thread(target=services.api_tokens.revoke_token, args=(owner, str(parent)))
    revoking.start()
    revoking.join(0.3)
    assert revoking.is_alive()
    clock.go_on.set()
    creating.join(PATIENCE)
    revoking.join(PATIENCE)
    assert not creating.is_alive()
    assert not revoking.is_alive()
    with services.database.read() as session:
        query = select(AuditEvent.action, AuditEvent.at).where(
            AuditEvent.target_name.in_(("child", "ci-rights"))
        )
        dated = session.execute(query.order_by(AuditEvent.at)).all()
    assert [row.action for row in dated][-2:] == [audit.TOKEN_CREATE, audit.TOKEN_REVOKE]


def beside(first: Callable[[], object], second: Callable[[], object], clock: Held) -> list[LoopinError]:
    """Run `second` while `first` waits at its clock, holding what it took; return what was refused."""
    refused: list[LoopinError] = []

    def run(work: Callable[[], object]) -> None:
        try:
            work()
        except LoopinError as error:
            refused.append(error)

    threads = [threading.Thread(target=run, args=(work,)) for work in (first, second)]
    threads[0].start()
    assert clock.asked.wait(PATIENCE)
    threads[1].start()
    threads[1].join(0.3)
    assert threads[1].is_alive(), "it does not wait"
    clock.go_on.set()
    for thread in threads:
        thread.join(PATIENCE)
    return refused


@ON_BOTH
def test_a_project_is_not_removed_with_a_token_that_was_not_shown(services: Services) -> None:
    owner, _ = signed_in(services)
    # The session is looked at first, then the project is held.
    act, clock = Removal(services.database, services.clock), Held(passing=1)
    create = APITokens(services.database, services.signer, clock)
    shown, wish = (
        act.preview_project("acme", "web"),
        CreateTokenRequest("late", project=ProjectReference(name="web")),
    )
    [error] = beside(
        lambda: create.create_token(owner, wish), lambda: act.remove_project(OPERATOR, shown), clock
    )
    assert isinstance(error, Refused)
    assert f"would now end {shown.counts['tokens'] + 1} API tokens" in error.message
    assert act.preview_project("acme", "web").counts["tokens"] == shown.counts["tokens"] + 1


@ON_BOTH
def test_a_token_is_not_created_in_a_project_that_is_being_removed(services: Services) -> None:
    owner, _ = signed_in(services)
    shown = Removal(services.database, services.clock).preview_project("acme", "web")
    clock = Held()
    act, wish = (
        Removal(services.database, clock),
        CreateTokenRequest("late", project=ProjectReference(name="web")),
    )
    [error] = beside(
        lambda: act.remove_project(OPERATOR, shown),
        lambda: services.api_tokens.create_token(owner, wish),
        clock,
    )
    assert isinstance(error, NotFound)
    assert "project web not found" in error.message


@ON_BOTH
def test_of_two_owners_only_one_can_be_removed(services: Services) -> None:
    keep_an_owner(services)
    clock = Held()
    acts = Removal(services.database, clock), Removal(services.database, services.clock)
    shown = [
        Removal(services.database, services.clock).preview_user(email)
        for email in (EMAIL, sample_data.VIEWER)
    ]
    [error] = beside(
        lambda: acts[0].remove_user(OPERATOR, shown[0]),
        lambda: acts[1].remove_user(OPERATOR, shown[1]),
        clock,
    )
    assert isinstance(error, Refused)
    assert "last owner of acme" in error.message


@ON_BOTH
def test_two_tokens_that_revoke_each_other_do_not_wait_for_ever(services: Services) -> None:
    owner, _ = signed_in(services)
    rights = ("api_token:revoke",)
    wishes = [
        CreateTokenRequest(f"ci-{n}", project=ProjectReference(name="web"), permissions=rights)
        for n in range(2)
    ]
    made = [services.api_tokens.create_token(owner, wish) for wish in wishes]
    ids = [str(listing.rows[0].id) for listing, _ in made]
    actors = [identify(services, jwt, "acme") for _, jwt in made]
    refused: list[LoopinError] = []

    def revoke(actor: Principal, target: str) -> None:
        try:
            services.api_tokens.revoke_token(actor, target)
        except LoopinError as error:
            refused.append(error)

    threads = [threading.Thread(target=revoke, args=pair) for pair in zip(actors, reversed(ids), strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    # One came first; the other was revoked by then.
    assert [type(error).__name__ for error in refused] == ["SessionEnded"]
    with services.database.read() as session:
        alive = select(func.count()).select_from(APIToken)
        alive = alive.where(APIToken.id.in_([UUID(id) for id in ids]), APIToken.revoked_at.is_(None))
        assert session.scalar(alive) == 1


@pytest.fixture
def browser(services: Services) -> FlaskClient:
    """A browser in which the owner is signed in."""
    client = create_app(services, URL).test_client()
    oauth.sign_in(client)
    return client


@ON_BOTH
@pytest.mark.parametrize("ending", ALWAYS)
def test_a_consent_under_way_gives_no_code(
    services: Services,
    browser: FlaskClient,
    ending: Callable[[Services], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The session ends after the page found it and before the code is written."""
    proof = Proof()
    form = consent_form(browser, proof)
    find_browser = browser_session.find_browser

    def overtaken() -> SignedInBrowser | None:
        found = find_browser()
        ending(services)
        return found

    monkeypatch.setattr(browser_session, "find_browser", overtaken)
    answer = browser.post("/oauth/authorize", query_string=request_for(proof), data=form)
    assert answer.status_code == 303
    assert answer.headers["Location"].startswith("/account/sign-in")
    with services.database.read() as session:
        assert session.scalar(select(func.count()).select_from(OAuthGrant)) == 0


@ON_BOTH
@pytest.mark.parametrize("ending", [reset, disable, remove])
@pytest.mark.parametrize("kind", ["code", "refresh token"])
def test_a_code_or_refresh_token_becomes_nothing_after_a_reset(
    services: Services, browser: FlaskClient, ending: Callable[[Services], None], kind: str
) -> None:
    proof = Proof()
    fields = code_request(allow(browser, proof), proof)
    if kind == "refresh token":
        tokens = browser.post("/oauth/token", data=fields).get_json()
        fields = refresh_request(tokens["refresh_token"])
    ending(services)
    answer = browser.post("/oauth/token", data=fields)
    assert (answer.status_code, answer.get_json()["error"]) == (400, "invalid_grant")


@ON_BOTH
def test_who_was_removed_is_not_signed_in_and_their_organization_is_not_read(services: Services) -> None:
    actor, _ = signed_in(services)
    jwt = services.sessions.sign_in(EMAIL, PASSWORD, "").jwt
    assert isinstance(actor, UserPrincipal)
    assert actor.membership
    issuer = JobPrincipal("https://ci.example", "job", "acme/web", actor.membership.organization_id, "acme")
    remove(services)
    dissolve(services)
    with pytest.raises(NotSignedIn):
        identify(services, jwt, "acme")
    with pytest.raises(NotFound, match="organization not found"):
        services.organizations.read_organization(issuer)
    assert services.organizations.list_memberships(actor) == []


@ON_BOTH
def test_a_browser_of_somebody_who_was_removed_is_not_signed_in(services: Services) -> None:
    """They are removed between the session and the secret that the browser gets for it."""
    done, sessions = (
        sign_in(services).sign_in(EMAIL, PASSWORD, ""),
        BrowserSessions(services.database, services.signer, services.clock),
    )
    remove(services)
    assert sessions.find(sessions.create(done)) is None


@ON_BOTH
def test_a_refresh_waits_for_the_removal_of_its_person(services: Services, browser: FlaskClient) -> None:
    proof = Proof()
    tokens = browser.post("/oauth/token", data=code_request(allow(browser, proof), proof)).get_json()
    keep_an_owner(services)
    shown, clock = Removal(services.database, services.clock).preview_user(EMAIL), Held()
    act, answers = Removal(services.database, clock), list[Any]()
    client = create_app(services, URL).test_client()
    fields = refresh_request(tokens["refresh_token"])
    refused = beside(
        lambda: act.remove_user(OPERATOR, shown),
        lambda: answers.append(client.post("/oauth/token", data=fields)),
        clock,
    )
    assert refused == []
    [answer] = answers
    assert (answer.status_code, answer.get_json()["error"]) == (400, "invalid_grant")


@ON_BOTH
def test_a_reset_waits_for_a_code_that_is_being_redeemed_and_ends_what_it_gave(
    services: Services, browser: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    proof = Proof()
    location = allow(browser, proof)
    clock, used = Held(), GrantStore.spend_code

    def hold_up(self: GrantStore, code: str) -> None:
        clock()
        used(self, code)

    monkeypatch.setattr(GrantStore, "spend_code", hold_up)
    answers: list[Any] = []
    client = create_app(services, URL).test_client()
    fields = code_request(location, proof)
    redeeming = threading.Thread(target=lambda: answers.append(client.post("/oauth/token", data=fields)))
    redeeming.start()
    assert clock.asked.wait(PATIENCE)
    resetting = threading.Thread(target=reset, args=(services,))
    resetting.start()
    resetting.join(0.3)
    assert resetting.is_alive()
    clock.go_on.set()
    redeeming.join(PATIENCE)
    resetting.join(PATIENCE)
    [answer] = answers
    refresh = refresh_request(answer.get_json()["refresh_token"])
    assert browser.post("/oauth/token", data=refresh).get_json()["error"] == "invalid_grant"
