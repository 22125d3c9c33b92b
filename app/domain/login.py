"""What a sign-in tells while it runs, and a sign-out when it is over.

A login flow yields LoginStep values; a screen, a command and a test watch the same flow.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from app.domain.credentials import Method, Provider
from app.domain.errors import LoopinError
from app.domain.text import clean


class Step(Enum):
    """The steps of every sign-in, in the order in which they happen; a flow uses some of them."""

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
    """Where a step is."""

    RUNNING = "running"
    DONE = "done"
    SKIPPED = "skipped"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class SignedIn:
    """The end of a sign-in that worked. `stored_in` is the keychain's own name.

    `problem` says what is wrong although the login is stored: an organization that cannot be used. `copy_in`
    is the file that a login was taken over from, which keeps a copy of it.
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
        """It in one sentence, ready to be shown; not every server tells a name."""
        who = f" as {clean(self.identity, 80)}" if self.identity else ""
        return f"Signed in to {self.provider.title}{who}"


@dataclass(frozen=True, slots=True)
class LoginStep:
    """One thing that happened.

    `detail` is what the step found (a keychain's name, an address, a browser); `seconds` how long a
    finished step took. On KEYCHAIN, `server` is where the sign-in goes, and `replaces` names the stored
    login that it replaces, once these are known. On BROWSER, `url` is the page to open, also when no
    browser could be. On WAITING, `deadline` says until when and `callback` where the answer is expected. A
    FAILED step carries its `error`; the last step of a sign-in that worked carries `result`.
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
    """What the browser shows at the end of a callback. `ok` only after everything was checked."""

    ok: bool
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class EndedThere:
    """What a server ended: sessions, and programs that the person had allowed. None where it did not say."""

    sessions: int | None = None
    programs: int | None = None


@dataclass(frozen=True, slots=True)
class SignedOut:
    """Two facts, told apart: what the server did, and what was forgotten here.

    `valid_until` is set when the server goes on accepting the token; `warning` says why it was not told.
    `was_over`: the server did not accept it any more, or it had expired. `is_token`: what was forgotten is an
    API token, which a sign-out does not revoke. `still` names a credential that signs one in all the same (an
    environment variable). `unseen` says why nobody could look whether something is stored. `copy_in` is the
    file that the login was taken over from, where it still has a copy. `ended` is what the server ended.
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
