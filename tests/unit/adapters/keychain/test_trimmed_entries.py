"""An entry that another program wrote: what a pipe left around it is no part of the secret."""

import pytest

from app.adapters.keychain import backends
from app.adapters.keychain.keychain import KeychainVault
from app.domain.secret import Secret


class Backend:
    """A keyring back end, as far as reading goes; a real subclass would be registered with keyring."""

    def __init__(self, entry: str) -> None:
        self.entry = entry

    def get_password(self, service: str, username: str) -> str | None:
        return self.entry


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
    monkeypatch.setattr(backends, "chosen", lambda: Backend(entry))
    assert await KeychainVault(timeout=60).read("service", "default") == expected
