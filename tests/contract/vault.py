"""What every vault must do. A class of tests inherits this and provides `vault`."""

import pytest

from app.domain.ports import Vault
from app.domain.secret import Secret

SERVICE = "loopin-conformance"
SAMPLE = Secret("sample-secret-not-real-1")
OTHER = Secret("sample-secret-not-real-2")


class VaultConformance:
    """The contract of app.domain.ports.Vault."""

    label: str

    @pytest.fixture
    def vault(self) -> Vault:
        raise NotImplementedError

    async def test_probe_names_the_keychain_and_finds_it_usable(self, vault: Vault) -> None:
        status = await vault.probe()
        assert (status.label, status.error) == (self.label, None)

    async def test_a_reading_tells_its_name(self, vault: Vault) -> None:
        await vault.read(SERVICE, "nobody")
        assert vault.label == self.label

    async def test_probe_stores_nothing(self, vault: Vault) -> None:
        await vault.probe()
        assert await vault.read(SERVICE, "default") is None

    async def test_what_was_never_written_reads_as_none(self, vault: Vault) -> None:
        assert await vault.read(SERVICE, "nobody") is None

    async def test_what_was_written_is_read_back(self, vault: Vault) -> None:
        await vault.write(SERVICE, "default", SAMPLE)
        assert await vault.read(SERVICE, "default") == SAMPLE

    async def test_writing_again_replaces(self, vault: Vault) -> None:
        await vault.write(SERVICE, "default", SAMPLE)
        await vault.write(SERVICE, "default", OTHER)
        assert await vault.read(SERVICE, "default") == OTHER

    async def test_accounts_and_services_are_kept_apart(self, vault: Vault) -> None:
        await vault.write(SERVICE, "default", SAMPLE)
        await vault.write(SERVICE, "work", OTHER)
        assert await vault.read(SERVICE, "default") == SAMPLE
        assert await vault.read(f"{SERVICE}-2", "default") is None

    async def test_entries_read_together_come_in_the_order_asked_for(self, vault: Vault) -> None:
        await vault.write(SERVICE, "default", SAMPLE)
        await vault.write(SERVICE, "work", OTHER)
        found = await vault.read_all(SERVICE, ("work", "nobody", "default", "work"))
        assert found == (OTHER, None, SAMPLE, OTHER)

    async def test_deleted_is_gone_and_deleting_twice_is_fine(self, vault: Vault) -> None:
        await vault.write(SERVICE, "default", SAMPLE)
        await vault.delete(SERVICE, "default")
        await vault.delete(SERVICE, "default")
        assert await vault.read(SERVICE, "default") is None

    async def test_deleting_one_leaves_the_other(self, vault: Vault) -> None:
        await vault.write(SERVICE, "default", SAMPLE)
        await vault.write(SERVICE, "work", OTHER)
        await vault.delete(SERVICE, "default")
        assert await vault.read(SERVICE, "work") == OTHER

    @pytest.mark.parametrize(
        "text", ["ü·漢字·🔑", "line\nbreak\ttab", "x" * 8000, '{"json": "\\"quoted\\""}']
    )
    async def test_any_text_survives(self, vault: Vault, text: str) -> None:
        await vault.write(SERVICE, "default", Secret(text))
        found = await vault.read(SERVICE, "default")
        assert found is not None
        assert found.reveal() == text
