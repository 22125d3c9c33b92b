"""The progress and the result of a sign-in, and the result of a sign-out."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from app.domain.credentials import Method, Provider
from app.domain.errors import LoopinError
from app.domain.text import clean


class Step(Enum):
    """The steps of every sign-in, in the order in which they happen; each method uses some of them."""

    FOUND = "Login found"
    KEYCHAIN = "Keychain ready"
    SERVER = "Server found"
    LISTENING = "Listening"
    BROWSER = "Browser opened"
    WAITING = "Waiting for you to allow access"
    STATE = "State checked"
    EXCHANGE = "Code exchanged"
    VERIFIED = "Verified"
    SAVED = "Saved"


class StepState(Enum):
    """The state of a step."""

    RUNNING = "running"
    DONE = "done"
    SKIPPED = "skipped"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class SignedIn:
    """The result of a sign-in. `stored_in` is the name of the keychain.

    `problem` says what is wrong although the login is stored, for example an organization that cannot be
    used. `copy_in` is the file that a login was imported from, which still has a copy of it.
    """

    provider: Provider
    profile: str
    method: Method
    identity: str
    organization: str
    role: str
    endpoint: str
    expires_at: datetime | None
    stored_in: str
    problem: str = ""
    copy_in: str = ""

    @property
    def words(self) -> str:
        """One sentence, ready to be shown; not every server sends a name."""
        who = f" as {clean(self.identity, 80)}" if self.identity else ""
        return f"Signed in to {self.provider.title}{who}"


@dataclass(frozen=True, slots=True)
class LoginStep:
    """A change of a step's state.

    `detail` is the result of the step (a keychain's name, an address, a browser); `seconds` how long a done
    step took. KEYCHAIN: `server` is where the sign-in goes, and `replaces` describes the stored login that it
    replaces, once these are known. BROWSER: `url` is the page to open, also when no browser could be opened.
    WAITING: `deadline` says until when and `callback` where the answer is expected. A FAILED step has its
    `error`; the last step has the `result`.
    """

    step: Step
    state: StepState
    detail: str = ""
    seconds: float = 0.0
    url: str = ""
    callback: str = ""
    deadline: datetime | None = None
    error: LoopinError | None = None
    result: SignedIn | None = None
    server: str = ""
    replaces: str = ""


@dataclass(frozen=True, slots=True)
class BrowserPage:
    """The answer to the browser's callback. `ok` only after everything was checked."""

    ok: bool
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class EndedThere:
    """How many sessions, and allowed programs, a server ended; None where it did not say."""

    sessions: int | None = None
    programs: int | None = None


@dataclass(frozen=True, slots=True)
class SignedOut:
    """The result of a sign-out: `forgotten` here, and `ended_at_server`.

    `valid_until` is set when the server still accepts the token; `warning` says why it could not be ended.
    `was_over`: the server did not accept it any more, or it had expired. `is_token`: an API token was deleted
    here, which a sign-out does not revoke. `still` names a credential that is used instead (an environment
    variable). `unseen` says why the keychain could not be read. `copy_in` is the file that the login was
    imported from, while it has a copy. `ended` is what the server ended.
    """

    forgotten: bool
    ended_at_server: bool
    valid_until: datetime | None = None
    warning: str = ""
    still: str = ""
    unseen: str = ""
    was_over: bool = False
    is_token: bool = False
    copy_in: str = ""
    ended: EndedThere | None = None
