"""The login that Chainloop's own command line keeps in its configuration file, in plain text.

The facts of the file are those of the vendor's public program: TOML whose keys are read in any case, written
with the permissions that the umask leaves.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from datetime import datetime

    from app.domain.credentials import Endpoint, Method
    from app.domain.secret import Secret

TITLE = "Login of the Chainloop command line"
IMPORT = "loopin chainloop auth login --import"
"""The command that imports it into the keychain."""


@dataclass(frozen=True, slots=True)
class VendorLogin:
    """A login in the file.

    `path` has ~ for the home folder. `endpoint` is None where the file does not name the server of the login,
    and `problem` says why. `organization` is empty where none is named. `method` and `expires_at` are what
    the token says of itself, unverified. `exposed` means that others on this machine can read the file.
    """

    path: str
    secret: Secret
    endpoint: Endpoint | None
    method: Method
    expires_at: datetime | None = None
    organization: str = ""
    problem: str = ""
    exposed: bool = False

    @property
    def server(self) -> str:
        """The server of the login as a person reads it."""
        return self.endpoint.typed if self.endpoint else "a server that the file does not name"

    def words(self, until: str) -> str:
        """Say where it is stored, for which server and until when; `until` is `expires_at` as it is shown."""
        end = f"until {until}" if self.expires_at else "without an end"
        exposed = "; others can read the file" if self.exposed else ""
        return (
            f"the login of the Chainloop command line is stored in plain text in {self.path}, "
            f"for {self.server}, {end}{exposed}"
        )


class VendorLogins(Protocol):
    """Reads the configuration file of the vendor's command line; nothing ever writes there."""

    def find(self) -> VendorLogin | None:
        """The login in the usual file; None for no file, no login, and what cannot be read."""

    def read(self, path: str = "") -> VendorLogin:
        """The login in the file `path`, empty for the usual one; raise UsageError."""
