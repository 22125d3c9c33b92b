"""The keychain layout: whatever step a save breaks off at, no two logins ever mix."""

import itertools

import pytest

from app.domain.credentials import Endpoint, Method, Provider
from app.domain.errors import VaultError
from app.domain.gumloop import GumloopLogin, GumloopTokens
from app.domain.secret import Secret
from app.services.stored_logins import GUMLOOP_SERVICE, GumloopVault
from tests.support.gumloop import BreakingVault

HOME = Endpoint(Provider.GUMLOOP, "https://api.gumloop.com/api/v1")
OTHER = Endpoint(Provider.GUMLOOP, "https://other.example/api/v1")
LOGINS = {
    "oauth": GumloopLogin(
        Method.OAUTH, Secret("old-access-not-real"), HOME, "", Secret("old-refresh-not-real")
    ),
    "token": GumloopLogin(Method.ACCESS_TOKEN, Secret("lone-access-not-real"), HOME),
    "key": GumloopLogin(Method.API_KEY, Secret("gum_old_not_real"), HOME, "user_old"),
    "oauth elsewhere": GumloopLogin(
        Method.OAUTH, Secret("new-access-not-real"), OTHER, "", Secret("new-refresh-not-real")
    ),
    "key elsewhere": GumloopLogin(Method.API_KEY, Secret("gum_new_not_real"), OTHER, "user_new"),
}
PAIRS = list(itertools.permutations(LOGINS, 2))


@pytest.mark.parametrize("steps", range(7))
@pytest.mark.parametrize(("old", "new"), PAIRS)
async def test_a_save_that_breaks_off_leaves_the_old_login_nobody_or_the_new_one(
    old: str, new: str, steps: int
) -> None:
    memory = BreakingVault()
    vault = GumloopVault(memory, HOME)
    await vault.write("default", LOGINS[old])
    memory.changes = steps
    try:
        await vault.write("default", LOGINS[new])
        assert steps == 6
    except VaultError:
        assert steps < 6
    found = await vault.read("default")
    assert found.login in (LOGINS[old], None, LOGINS[new])
    assert found.problem == ""


@pytest.mark.parametrize("steps", range(6))
@pytest.mark.parametrize("old", LOGINS)
async def test_a_sign_out_that_breaks_off_leaves_the_login_or_nobody(old: str, steps: int) -> None:
    memory = BreakingVault()
    vault = GumloopVault(memory, HOME)
    await vault.write("default", LOGINS[old])
    memory.changes = steps
    try:
        await vault.delete("default")
        assert memory.entries() == {}
    except VaultError:
        assert (await vault.read("default")).login in (LOGINS[old], None)


@pytest.mark.parametrize("steps", range(3))
async def test_a_refresh_that_breaks_off_leaves_a_login_that_can_be_refreshed(steps: int) -> None:
    memory = BreakingVault()
    vault = GumloopVault(memory, HOME)
    await vault.write("default", LOGINS["oauth"])
    memory.changes = steps
    tokens = GumloopTokens(Secret("next-access-not-real"), Secret("next-refresh-not-real"))
    try:
        await vault.write_refreshed("default", tokens)
    except VaultError:
        assert steps < 2
    login = (await vault.read("default")).login
    assert login is not None
    assert login.endpoint == HOME
    pair = (login.secret.reveal()[:4], login.refresh_token.reveal()[:4] if login.refresh_token else "")
    assert pair in {("old-", "old-"), ("old-", "next"), ("next", "next")}


async def test_an_access_token_beats_a_left_over_key() -> None:
    memory = BreakingVault()
    vault = GumloopVault(memory, HOME)
    await vault.write("default", LOGINS["oauth"])
    await memory.write(GUMLOOP_SERVICE, "default:api_key", Secret("gum_left_over_not_real"))
    assert (await vault.read("default")).login == LOGINS["oauth"]


async def test_a_stored_key_without_its_user_is_no_login() -> None:
    memory = BreakingVault()
    await memory.write(GUMLOOP_SERVICE, "default:api_key", Secret("gum_alone_not_real"))
    found = await GumloopVault(memory, HOME).read("default")
    assert found.login is None
    assert "no user ID" in found.problem


async def test_without_a_stored_base_url_the_default_counts() -> None:
    memory = BreakingVault()
    await memory.write(GUMLOOP_SERVICE, "default:access_token", Secret("bare-access-not-real"))
    login = (await GumloopVault(memory, HOME).read("default")).login
    assert login is not None
    assert login.endpoint == HOME


async def test_a_login_replaced_while_it_is_read_is_read_again() -> None:
    class Replacing(BreakingVault):
        """Another program signs in between two of our reads."""

        replaced = False

        async def read(self, service: str, account: str) -> Secret | None:
            found = await super().read(service, account)
            if account == "default:access_token" and not self.replaced:
                self.replaced = True
                await GumloopVault(self, HOME).write("default", LOGINS["oauth elsewhere"])
            return found

    memory = Replacing()
    memory.replaced = True
    await GumloopVault(memory, HOME).write("default", LOGINS["oauth"])
    memory.replaced = False
    assert (await GumloopVault(memory, HOME).read("default")).login == LOGINS["oauth elsewhere"]


async def test_profiles_lie_beside_each_other() -> None:
    memory = BreakingVault()
    vault = GumloopVault(memory, HOME)
    await vault.write("default", LOGINS["oauth"])
    await vault.write("work", LOGINS["key"])
    await vault.delete("default")
    assert memory.entries() == {}
    assert (await vault.read("work")).login == LOGINS["key"]
