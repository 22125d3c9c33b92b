"""What every account store and every activity store must do. Classes of tests inherit these."""

from datetime import UTC, datetime, timedelta

import pytest

from app.domain.activity import Action, ActivityEntry, Outcome
from app.domain.credentials import Provider
from app.domain.ports import AccountStore, ActivityStore

NOON = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)
HOSTILE = 'x"]\n[evil]\r\n\x00\x1b[2J\u202eü漢🔑 = \\ \'"""'


def entry(number: int, **more: object) -> ActivityEntry:
    """An entry that can be told from the others."""
    values = {"subject": f"token-{number}", **more}
    return ActivityEntry(
        NOON + timedelta(minutes=number),
        Action.CREATE,
        Outcome.DONE,
        Provider.CHAINLOOP,
        **values,  # type: ignore[arg-type]  # fields by name
    )


class AccountStoreConformance:
    """The contract of app.domain.ports.AccountStore."""

    @pytest.fixture
    def store(self) -> AccountStore:
        raise NotImplementedError

    async def test_nothing_is_known_at_first(self, store: AccountStore) -> None:
        assert list(await store.profiles("chainloop")) == []
        assert dict(await store.facts("chainloop", "default")) == {}

    async def test_facts_are_read_back(self, store: AccountStore) -> None:
        await store.remember("chainloop", "default", {"endpoint": "a:1", "method": "browser"})
        assert dict(await store.facts("chainloop", "default")) == {"endpoint": "a:1", "method": "browser"}

    async def test_remembering_again_replaces_all_facts(self, store: AccountStore) -> None:
        await store.remember("chainloop", "default", {"a": "1", "b": "2"})
        await store.remember("chainloop", "default", {"a": "3"})
        assert dict(await store.facts("chainloop", "default")) == {"a": "3"}

    async def test_the_default_profile_comes_first(self, store: AccountStore) -> None:
        for profile in ("zeta", "alpha", "default"):
            await store.remember("chainloop", profile, {"a": "1"})
        assert list(await store.profiles("chainloop")) == ["default", "alpha", "zeta"]

    async def test_providers_are_kept_apart(self, store: AccountStore) -> None:
        await store.remember("chainloop", "default", {"a": "1"})
        assert list(await store.profiles("gumloop")) == []
        await store.forget("gumloop", "default")
        assert list(await store.profiles("chainloop")) == ["default"]

    async def test_forgotten_is_gone_and_forgetting_twice_is_fine(self, store: AccountStore) -> None:
        await store.remember("chainloop", "default", {"a": "1"})
        await store.forget("chainloop", "default")
        await store.forget("chainloop", "default")
        assert list(await store.profiles("chainloop")) == []

    async def test_any_text_survives(self, store: AccountStore) -> None:
        await store.remember("chainloop", HOSTILE, {HOSTILE: HOSTILE})
        assert list(await store.profiles("chainloop")) == [HOSTILE]
        assert dict(await store.facts("chainloop", HOSTILE)) == {HOSTILE: HOSTILE}


class ActivityStoreConformance:
    """The contract of app.domain.ports.ActivityStore."""

    @pytest.fixture
    def store(self) -> ActivityStore:
        raise NotImplementedError

    async def test_an_empty_trail_has_no_entries(self, store: ActivityStore) -> None:
        assert list(await store.entries()) == []

    async def test_entries_come_back_whole_and_oldest_first(self, store: ActivityStore) -> None:
        full = ActivityEntry(
            NOON, Action.VANISHED, Outcome.FAILED, Provider.GUMLOOP, "who", "org", "where", "what", "id",
            "why", "operation", (("key", "value"), ("other", "")),
        )  # fmt: skip
        written = [full, entry(1), entry(2)]
        for one in written:
            await store.append(one)
        assert list(await store.entries()) == written

    async def test_the_entries_of_operations_can_be_had_alone(self, store: ActivityStore) -> None:
        begun = entry(1, operation="one")._replace(outcome=Outcome.STARTED)
        for one in (begun, entry(2, detail='"operation": "two"'), entry(3, operation="one")):
            await store.append(one)
        assert list(await store.operations()) == [begun, entry(3, operation="one")]

    @pytest.mark.parametrize("action", Action)
    @pytest.mark.parametrize("outcome", Outcome)
    async def test_every_action_and_outcome_survives(
        self, store: ActivityStore, action: Action, outcome: Outcome
    ) -> None:
        written = ActivityEntry(NOON, action, outcome, Provider.CHAINLOOP)
        await store.append(written)
        assert list(await store.entries()) == [written]

    async def test_any_text_survives_on_one_line(self, store: ActivityStore) -> None:
        written = [entry(1, detail=HOSTILE, subject=HOSTILE), entry(2)]
        for one in written:
            await store.append(one)
        assert list(await store.entries()) == written
