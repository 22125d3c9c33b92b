"""Entries of the activity log: what this program did on this machine. No secrets."""

from datetime import datetime
from enum import Enum
from typing import NamedTuple

from app.domain.credentials import Provider


class Action(Enum):
    """What was done."""

    LOGIN = "login"
    LOGOUT = "logout"
    CREATE = "create"
    ROTATE = "rotate"
    REVOKE = "revoke"
    THRESHOLD = "threshold"
    SWITCH = "switch"
    CREATE_ORGANIZATION = "create organization"
    VANISHED = "revoked outside Loopin"


class Outcome(Enum):
    """The outcome. STARTED without a later entry of the same `operation` means: interrupted."""

    STARTED = "started"
    DONE = "done"
    FAILED = "failed"


class ActivityEntry(NamedTuple):
    """One entry of the activity log: when, what, who, where, on what, and the outcome.

    `subject` is a name a person reads (a token's name, "90 days"); `subject_id` the server's id;
    `operation` ties the entries of one operation together; `detail` is free text (a typed reason).
    """

    at: datetime
    action: Action
    outcome: Outcome
    provider: Provider
    identity: str = ""
    organization: str = ""
    endpoint: str = ""
    subject: str = ""
    subject_id: str = ""
    detail: str = ""
    operation: str = ""
    extra: tuple[tuple[str, str], ...] = ()
