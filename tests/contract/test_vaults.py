"""Both vaults hold the same contract; the keychain is a real GNOME Keyring."""

import pytest

from app.adapters.keychain.keychain import KeychainVault
from app.adapters.keychain.memory import MemoryVault
from app.domain.ports import Vault
from tests.contract.vault import SAMPLE, SERVICE, VaultConformance
from tests.support.vaults import Bus


class TestMemoryVault(VaultConformance):
    label = "memory (demo)"

    @pytest.fixture
    def vault(self) -> Vault:
        return MemoryVault()

    async def test_another_vault_knows_nothing_of_it(self, vault: Vault) -> None:
        await vault.write(SERVICE, "default", SAMPLE)
        assert await MemoryVault().read(SERVICE, "default") is None


class TestKeychainVault(VaultConformance):
    label = "GNOME Keyring"

    @pytest.fixture
    def vault(self, secret_service: Bus) -> Vault:
        return KeychainVault(timeout=60)

    async def test_another_vault_finds_it(self, vault: Vault) -> None:
        await vault.write(SERVICE, "default", SAMPLE)
        assert await KeychainVault(timeout=60).read(SERVICE, "default") == SAMPLE
