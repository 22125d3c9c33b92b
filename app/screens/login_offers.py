"""The ways to sign in, as the sign-in screens show them. A provider adds its rows here."""

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from app.domain.credentials import Method, Provider
from app.domain.login import LoginStep, Step
from app.services.login.chainloop_browser import BrowserLogin


class BrowserFlow(Protocol):
    """A sign-in in the browser; it can be run once."""

    def do(self, how: BrowserLogin) -> AsyncIterator[LoginStep]: ...
    def paste(self, text: str) -> None: ...


class TokenFlow(Protocol):
    """A sign-in with a token that one already has."""

    def do(self, pasted: str) -> AsyncIterator[LoginStep]: ...


@dataclass(frozen=True, slots=True)
class Field:
    """One line of a form. `check` says what is wrong with a value, empty when nothing is.

    `about` says what a value tells of itself (the organization in a token), to be shown while typing.
    """

    name: str
    label: str
    placeholder: str = ""
    masked: bool = False
    check: Callable[[str], str] = lambda value: "" if value.strip() else "this is needed"
    about: Callable[[str], str] = lambda value: ""


@dataclass(frozen=True, slots=True)
class Form:
    """A sign-in without a browser: what is asked, and the flow that takes the answers."""

    fields: tuple[Field, ...]
    start: Callable[[Mapping[str, str]], AsyncIterator[LoginStep]]


@dataclass(frozen=True, slots=True)
class Offer:
    """One row of the choice: `browser` or `form` says what follows; `why_not` greys the row out.

    `steps` are the steps that the flow goes through, in order.
    """

    provider: Provider
    method: Method
    title: str
    note: str
    steps: tuple[Step, ...]
    browser: Callable[[], BrowserFlow] | None = None
    form: Form | None = None
    why_not: str = ""
    port: int = 0


_SHORT = (Step.KEYCHAIN, Step.VERIFIED, Step.SAVED)
_BROWSER = (
    Step.KEYCHAIN,
    Step.SERVER,
    Step.LISTENING,
    Step.BROWSER,
    Step.WAITING,
    Step.STATE,
    Step.VERIFIED,
    Step.SAVED,
)


def chainloop_offers(browser: Callable[[], BrowserFlow], token: Callable[[], TokenFlow]) -> tuple[Offer, ...]:
    """Chainloop's rows."""
    form = Form(
        (Field("token", "API token", "paste it here", masked=True),),
        lambda values: token().do(values["token"]),
    )
    return (
        Offer(
            Provider.CHAINLOOP,
            Method.BROWSER,
            "Browser login",
            "for a person; the session ends by itself",
            _BROWSER,
            browser=browser,
        ),
        Offer(
            Provider.CHAINLOOP,
            Method.API_TOKEN,
            "API token",
            "unattended; paste one you already have",
            _SHORT,
            form=form,
        ),
    )
