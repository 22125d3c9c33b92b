"""Everything that can go wrong, as one tree.

    LoopinError
    ├── UsageError               what was asked for makes no sense; nothing was sent
    ├── ReadOnly                 this credential, role or mode may not change it; nothing was sent
    ├── Cancelled                the person stopped it
    ├── NotSignedIn              no usable credential
    │   ├── SessionEnded         there was one: expired, revoked or unknown to the server
    │   │   └── APITokenGone     … and it was an API token, which has no session
    │   └── TokenRejected        a CI token that did not pass verification
    ├── Refused                  the server understood and said no
    │   ├── InvalidInput
    │   ├── PermissionDenied
    │   │   └── NotGranted       the identity is known, and this call is not among its own
    │   ├── NotFound
    │   ├── OrganizationLost     the organization in use is gone, suspended, or not the person's any more
    │   ├── NoOrganization       the person is a member of none
    │   ├── AlreadyExists
    │   └── RateLimited
    ├── Failed                   the server tried and could not
    │   ├── BadReply             not the protocol, not readable
    │   │   └── BrokenOff        cut short
    │   ├── ReplyTooLarge        over the receive limit
    │   └── LockUnavailable      no lock between processes can be made here
    ├── Unreachable              no answer: name, route, refused, timed out
    │   └── TLSFailed            an answer, but not from someone we may trust
    ├── LoginFailed              a sign-in that did not end in a credential
    │   ├── AccessDenied         the person or the provider said no
    │   ├── StateMismatch        the answer belongs to another request
    │   ├── PortBusy             the callback port is taken
    │   ├── BrowserUnavailable   nothing here opens a page
    │   └── LoginTimedOut        nobody finished in time
    └── VaultError               the keychain
        ├── VaultMissing         there is none, or none that may hold a secret
        ├── VaultLocked
        ├── VaultDenied          it is there and refuses us
        └── VaultSilent          it does not answer

Each carries two sentences: `message` says what happened and why, `hint` the next step. Adapters
translate the exceptions of their libraries into these; nothing above them knows another.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.domain.credentials import Provider


class LoopinError(Exception):
    """Base of the tree.

    `message` is one sentence without a final full stop; `hint` is the next step, or empty.
    """

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(LoopinError):
    """What was asked for makes no sense; nothing was sent."""


class ReadOnly(LoopinError):
    """The credential, role or mode in effect may not change this; nothing was sent."""


class Cancelled(LoopinError):
    """The person stopped it."""


class NotSignedIn(LoopinError):
    """There is no usable credential."""


class SessionEnded(NotSignedIn):
    """There was a credential; it expired, was revoked, or the server does not know it.

    `provider` is whose it was, None where nobody asks. `stored`: it is a stored login, which signing in again
    renews; one from a flag, a variable or a CI job is corrected where it comes from.
    """

    def __init__(
        self, message: str, *, hint: str = "", provider: "Provider | None" = None, stored: bool = True
    ) -> None:
        super().__init__(message, hint=hint)
        self.provider = provider
        self.stored = stored


class APITokenGone(SessionEnded):
    """The API token in effect was revoked, or the server never had it; it is not a session that ended."""


class TokenRejected(NotSignedIn):
    """A CI token that did not pass verification; `code` names the rule that it breaks."""

    def __init__(self, message: str, *, hint: str = "", code: str = "malformed") -> None:
        super().__init__(message, hint=hint)
        self.code = code


class Refused(LoopinError):
    """The server understood the request and said no."""


class InvalidInput(Refused):
    """The server found a value that it cannot accept."""


class PermissionDenied(Refused):
    """The identity in effect may not do this."""


class NotGranted(PermissionDenied):
    """The identity in effect is known, and this call is not among those that it is granted."""


class NotFound(Refused):
    """There is no such thing, or not for this identity."""


class OrganizationLost(Refused):
    """The organization in use is gone, suspended, another one of that name, or not the person's any more.

    It is never replaced by itself: the person chooses another.
    """


class NoOrganization(Refused):
    """The person is a member of no organization. `may_create` is false where only others create them."""

    def __init__(
        self,
        message: str = "you are not a member of an organization",
        *,
        hint: str = "ask for an invitation, or create one if the server allows it: "
        "loopin chainloop organization create --name NAME",
        may_create: bool = True,
    ) -> None:
        super().__init__(message, hint=hint if may_create else "ask somebody to invite you")
        self.may_create = may_create


class AlreadyExists(Refused):
    """The name is taken."""


class RateLimited(Refused):
    """Too many requests; `retry_after` is in seconds when the server said so."""

    def __init__(self, message: str, *, hint: str = "", retry_after: float | None = None) -> None:
        super().__init__(message, hint=hint)
        self.retry_after = retry_after


class Failed(LoopinError):
    """The server tried and could not; `retry_after` is in seconds when it said how long to wait."""

    def __init__(self, message: str, *, hint: str = "", retry_after: float | None = None) -> None:
        super().__init__(message, hint=hint)
        self.retry_after = retry_after


class BadReply(Failed):
    """The answer is not what the protocol says."""


class BrokenOff(BadReply):
    """The answer was cut short."""


class ReplyTooLarge(Failed):
    """The answer is over the receive limit."""


class LockUnavailable(Failed):
    """A lock between processes cannot be made: its folder cannot be written."""


class Unreachable(LoopinError):
    """Nobody answered."""


class TLSFailed(Unreachable):
    """Somebody answered whom we may not trust."""


class LoginFailed(LoopinError):
    """A sign-in that did not end in a credential."""


class AccessDenied(LoginFailed):
    """The person, or the provider, refused."""


class StateMismatch(LoginFailed):
    """The answer that arrived belongs to another request (RFC 6749 §10.12)."""


class PortBusy(LoginFailed):
    """The callback port is in use; `holder` names the process, if the system shows it."""

    def __init__(self, message: str, *, hint: str = "", port: int = 0, holder: str = "") -> None:
        super().__init__(message, hint=hint)
        self.port = port
        self.holder = holder


class BrowserUnavailable(LoginFailed):
    """Nothing on this machine opens a page."""


class LoginTimedOut(LoginFailed):
    """Nobody finished the sign-in in time."""


class VaultError(LoopinError):
    """The keychain could not do what was asked."""


class VaultMissing(VaultError):
    """There is no keychain, or none that may hold a secret."""


class VaultLocked(VaultError):
    """The keychain is there and locked."""


class VaultDenied(VaultError):
    """The keychain refused."""


class VaultSilent(VaultError):
    """The keychain did not answer in time."""
