"""Which Gumloop credential is used, for every combination of sources."""

from typing import Any, cast

import pytest

from app.domain.credentials import Endpoint, Method, Provider, Source, Standing
from app.domain.errors import LoopinError, NotSignedIn, UsageError, VaultLocked
from app.domain.gumloop import GumloopLogin, GumloopTarget
from app.domain.secret import Secret
from app.services.accounts import GumloopAccounts
from app.services.gumloop_session import KEY, TOKEN, USER, GumloopSession
from app.services.stored_logins import StoredGumloop
from tests.support.memory import MemoryAccounts

DEFAULT = Endpoint(Provider.GUMLOOP, "https://gumloop.example/api/v1")
OTHER = Endpoint(Provider.GUMLOOP, "https://other.example/api/v1")
LOGIN = GumloopLogin(Method.ACCESS_TOKEN, Secret("stored-not-real"), DEFAULT)
LOCKED = VaultLocked("the keychain is locked", hint="unlock it")


class Keychain:
    """A keychain that holds one login, or fails; the part of GumloopRefresh that is asked for it."""

    problem = None

    def __init__(self, login: GumloopLogin | None, error: LoopinError | None) -> None:
        self._login = login
        self._error = error
        self.reads = 0

    async def read(self, profile: str) -> StoredGumloop:
        self.reads += 1
        if self._error is not None:
            raise self._error
        return StoredGumloop(self._login)


def session(
    token: bool,
    key: bool,
    user: bool,
    *,
    login: GumloopLogin | None = None,
    error: LoopinError | None = None,
    named: Endpoint | None = None,
) -> tuple[GumloopSession, Keychain]:
    """A session with these variables set, and its keychain."""
    target = GumloopTarget(
        DEFAULT,
        named,
        access_token=Secret("token-not-real") if token else None,
        api_key=Secret("key-not-real") if key else None,
        user_id="user" if user else "",
    )
    keychain = Keychain(login, error)
    accounts = GumloopAccounts(MemoryAccounts())
    no_apis, no_clock = cast("Any", None), cast("Any", None)
    return GumloopSession(target, no_apis, cast("Any", keychain), accounts, no_clock), keychain


@pytest.mark.parametrize("stored", [True, False])
@pytest.mark.parametrize("user", [True, False])
@pytest.mark.parametrize("key", [True, False])
@pytest.mark.parametrize("token", [True, False])
async def test_the_first_source_is_used_and_a_half_set_one_is_an_error(
    token: bool, key: bool, user: bool, stored: bool
) -> None:
    account, keychain = session(token, key, user, login=LOGIN if stored else None)
    resolution, problem = await account.inspect()
    used = [candidate.label for candidate in resolution.candidates if candidate.in_effect]
    keychain.reads = 0
    if token or (key and user):
        assert used == [TOKEN if token else KEY]
        assert (await account.credential()).source is Source.ENVIRONMENT
        assert keychain.reads == 0, "the keychain may be slow, or not be there"
    elif key or user:
        assert used == []
        assert isinstance(problem, UsageError)
        given, missing = (USER, KEY) if user else (KEY, USER)
        with pytest.raises(UsageError, match=f"{given} is set without {missing}"):
            await account.credential()
    elif stored:
        assert used == ["keychain"]
        assert (await account.credential()).secret == LOGIN.secret
    else:
        assert used == []
        with pytest.raises(NotSignedIn, match=r"not signed in at https://gumloop\.example"):
            await account.credential()


async def test_a_stored_login_is_not_used_in_the_place_of_a_half_set_source() -> None:
    account, _ = session(False, True, False, login=LOGIN)
    resolution, _ = await account.inspect()
    keychain = resolution.candidates[-1]
    assert (keychain.standing, keychain.hint) == (Standing.IGNORED, LOGIN.secret.hint)
    assert "not used: GUMLOOP_API_KEY is set without GUMLOOP_USER_ID" in keychain.reason


async def test_a_stored_login_is_sent_to_no_other_server() -> None:
    account, _ = session(False, False, False, login=LOGIN, named=OTHER)
    with pytest.raises(NotSignedIn, match=r"the stored login belongs to https://gumloop\.example"):
        await account.credential()


@pytest.mark.parametrize("token", [True, False])
async def test_a_keychain_that_fails_is_a_warning_beside_a_variable_and_an_error_without(token: bool) -> None:
    account, _ = session(token, False, False, error=LOCKED)
    resolution, problem = await account.inspect()
    assert problem is (None if token else LOCKED)
    assert resolution.keychain is (LOCKED if token else None)
    if not token:
        with pytest.raises(VaultLocked):
            await account.credential()
