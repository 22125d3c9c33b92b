"""Which backends of keyring are trusted with a secret, and what is made of their answers."""

import os
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import keyring.core
import keyring.errors
import pytest
import secretstorage
from keyring.backends.chainer import ChainerBackend

from app.adapters.keychain.keychain import TRUSTED, KeychainVault
from app.domain.errors import VaultDenied, VaultError, VaultLocked, VaultMissing
from app.domain.secret import Secret
from tests.support.vaults import Bus, forget_backend

SAMPLE = Secret("sample-secret-not-real-3")


def backend(module: str, name: str = "Keyring") -> Any:
    """A backend that says it comes from `module` and notes what it is given.

    It is no KeyringBackend by birth: keyring would remember the class for the rest of the run.
    """

    def note(self: Any, service: str, account: str, value: str) -> None:
        self.given.append(value)

    kind = type(
        name,
        (),
        {
            "__module__": module,
            "given": [],
            "get_password": lambda self, service, account: None,
            "set_password": note,
        },
    )
    return kind()


def chain(monkeypatch: pytest.MonkeyPatch, *members: Any) -> Any:
    """A chainer of exactly these."""
    monkeypatch.setattr(ChainerBackend, "backends", list(members))
    kind: Any = ChainerBackend
    return kind()


def use(monkeypatch: pytest.MonkeyPatch, chosen: Any) -> None:
    """Let keyring have picked this backend."""
    monkeypatch.setattr(keyring.core, "_keyring_backend", chosen)


REFUSED = {
    "keyring.backends.fail": "no keychain was found",
    "keyring.backends.null": "keyring is switched off",
    "keyrings.alt.file": "plain file",
    "keyrings.alt.Gnome": "plain file",
    "somebody.elses.vault": "does not know the keyring backend somebody.elses.vault.Keyring",
    "keyring.backends.SecretServiceButNotReally": "does not know",
}


@pytest.mark.parametrize("module", REFUSED)
async def test_a_backend_that_keeps_no_secret_is_refused_and_given_none(
    module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = backend(module)
    use(monkeypatch, bad)
    vault = KeychainVault(timeout=60)
    status = await vault.probe()
    assert isinstance(status.error, VaultMissing)
    assert REFUSED[module] in status.error.message
    assert "CHAINLOOP_TOKEN" in status.error.hint
    with pytest.raises(VaultMissing):
        await vault.write("s", "a", SAMPLE)
    with pytest.raises(VaultMissing):
        await vault.read("s", "a")
    assert bad.given == []


@pytest.mark.parametrize("module", sorted(set(TRUSTED) - {"keyring.backends.SecretService"}))
async def test_an_allowed_backend_is_used(module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    good = backend(module)
    use(monkeypatch, good)
    await KeychainVault(timeout=60).write("s", "a", SAMPLE)
    assert good.given == [SAMPLE.reveal()]


@pytest.mark.parametrize(
    ("module", "label"),
    [
        ("keyring.backends.macOS", "macOS Keychain"),
        ("keyring.backends.Windows", "Windows Credential Locker"),
        ("keyring.backends.kwallet", "KWallet"),
    ],
)
async def test_the_label_is_the_keychains_own_name(
    module: str, label: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, backend(module))
    status = await KeychainVault(timeout=60).probe()
    assert (status.label, status.error) == (label, None)


async def test_a_chainer_with_one_plaintext_member_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    good = backend("keyring.backends.kwallet")
    bad = backend("keyrings.alt.file", "PlaintextKeyring")
    use(monkeypatch, chain(monkeypatch, good, bad))
    with pytest.raises(VaultMissing, match="plain file"):
        await KeychainVault(timeout=60).write("s", "a", SAMPLE)
    assert good.given == bad.given == []


async def test_a_chainer_of_allowed_members_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    good = backend("keyring.backends.kwallet")
    use(monkeypatch, chain(monkeypatch, good))
    await KeychainVault(timeout=60).write("s", "a", SAMPLE)
    assert good.given == [SAMPLE.reveal()]


async def test_an_empty_chainer_is_no_keychain(monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, chain(monkeypatch))
    status = await KeychainVault(timeout=60).probe()
    assert isinstance(status.error, VaultMissing)


@pytest.mark.parametrize("name", ["no.such.module.Keyring", "keyring.backends.NoSuch", "nonsense", "os.path"])
async def test_a_backend_name_that_leads_nowhere_is_told_as_such(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", name)
    forget_backend(monkeypatch)
    status = await KeychainVault(timeout=60).probe()
    assert isinstance(status.error, VaultMissing)
    assert "PYTHON_KEYRING_BACKEND" in status.error.message


async def test_what_windows_cannot_hold_is_refused_before_it_is_tried(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    locker = backend("keyring.backends.Windows")
    use(monkeypatch, locker)
    vault = KeychainVault(timeout=60)
    await vault.write("s", "a", Secret("x" * 1280))
    with pytest.raises(VaultDenied, match="holds 2560 bytes"):
        await vault.write("s", "a", Secret("x" * 1281))
    assert len(locker.given) == 1


async def test_a_foreign_failure_never_quotes_the_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    def explode(self: Any, service: str, account: str, value: str) -> None:
        raise ZeroDivisionError(f"could not store {value}")

    broken = backend("keyring.backends.kwallet")
    monkeypatch.setattr(type(broken), "set_password", explode)
    use(monkeypatch, broken)
    with pytest.raises(Exception, match="ZeroDivisionError") as caught:
        await KeychainVault(timeout=60).write("s", "a", SAMPLE)
    assert SAMPLE.reveal() not in f"{caught.value!r} {caught.value.__cause__!r} {vars(caught.value)}"


ERRORS = {
    keyring.errors.KeyringLocked: VaultLocked,
    keyring.errors.InitError: VaultMissing,
    keyring.errors.NoKeyringError: VaultMissing,
    keyring.errors.PasswordSetError: VaultDenied,
    keyring.errors.KeyringError: VaultError,
}


@pytest.mark.parametrize("kind", ERRORS, ids=lambda kind: kind.__name__)
async def test_each_error_of_keyring_is_one_of_ours(
    kind: type[keyring.errors.KeyringError], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: Any, service: str, account: str) -> None:
        raise kind

    broken = backend("keyring.backends.macOS")
    monkeypatch.setattr(type(broken), "get_password", fail)
    use(monkeypatch, broken)
    with pytest.raises(VaultError) as caught:
        await KeychainVault(timeout=60).read("s", "a")
    assert type(caught.value) is ERRORS[kind]


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ("not-a-real-one\n", Secret("not-a-real-one")),
        ("not-a-real-one\r\n", Secret("not-a-real-one")),
        ("\ufeff not-a-real-one ", Secret("not-a-real-one")),
        ('{"token": "x"}\n', Secret('{"token": "x"}')),
        ("\n", None),
        ("", None),
    ],
)
async def test_what_surrounds_an_entry_is_dropped(
    entry: str, expected: Secret | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`secret-tool store` and `security` write the line break that they were given."""
    other = backend("keyring.backends.macOS")
    monkeypatch.setattr(type(other), "get_password", lambda self, service, account: entry)
    use(monkeypatch, other)
    assert await KeychainVault(timeout=60).read("service", "default") == expected


class Deleting:
    """A backend in which another process deletes the entry between our look and our deletion, or does not."""

    def __init__(self, *, gone: bool, error: type[Exception]) -> None:
        self.there = True
        self.gone = gone
        self.error = error

    def get_password(self, service: str, account: str) -> str | None:
        return "secret-not-real" if self.there else None

    def delete_password(self, service: str, account: str) -> None:
        if self.there:
            self.there = not self.gone
            raise self.error
        raise keyring.errors.PasswordDeleteError


Deleting.__module__ = "keyring.backends.libsecret"
GONE = [keyring.errors.PasswordDeleteError, secretstorage.ItemNotFoundException]


@pytest.mark.parametrize("error", GONE)
async def test_an_entry_that_somebody_else_deleted_first_is_deleted(
    error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, Deleting(gone=True, error=error))
    await KeychainVault(timeout=60).delete("service", "account")


@pytest.mark.parametrize("error", GONE)
async def test_an_entry_that_stays_is_an_error(
    error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, Deleting(gone=False, error=error))
    with pytest.raises(VaultError):
        await KeychainVault(timeout=60).delete("service", "account")


class Wallet(SimpleNamespace):
    """keyring's backend for KWallet; `opens` is what a person answers."""

    def connected(self, service: str) -> bool:
        return bool(self.opens)


Wallet.__module__ = "keyring.backends.kwallet"


@pytest.mark.parametrize("opens", [True, False])
async def test_kwallet_opens_its_wallet_before_a_sign_in(
    opens: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, Wallet(opens=opens))
    with nullcontext() if opens else pytest.raises(VaultLocked, match="KWallet is locked"):
        await KeychainVault(timeout=60).unlock()


def test_without_any_setting_the_secret_service_is_found(secret_service: Bus) -> None:
    environment = {**os.environ, **secret_service.environment}
    del environment["PYTHON_KEYRING_BACKEND"]
    script = (
        "import asyncio; from app.adapters.keychain.keychain import KeychainVault; "
        "print(asyncio.run(KeychainVault(60).probe()))"
    )
    result = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        env=environment,
        cwd=Path(__file__).parents[4],
    )
    assert result.stdout.startswith("VaultStatus(label='GNOME Keyring', error=None")
