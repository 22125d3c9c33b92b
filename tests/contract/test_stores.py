"""The stores on disk hold the contract."""

from pathlib import Path

import pytest

from app.adapters.storage.accounts import TomlAccounts
from app.adapters.storage.activity import JsonLinesActivity
from app.domain.ports import AccountStore, ActivityStore
from tests.contract.stores import AccountStoreConformance, ActivityStoreConformance


class TestTomlAccounts(AccountStoreConformance):
    @pytest.fixture
    def store(self, tmp_path: Path) -> AccountStore:
        return TomlAccounts(tmp_path / "folder" / "accounts.toml")


class TestJsonLinesActivity(ActivityStoreConformance):
    @pytest.fixture
    def store(self, tmp_path: Path) -> ActivityStore:
        return JsonLinesActivity(tmp_path / "folder" / "activity.jsonl")
