"""The sign-in methods of both providers, as the sign-in screens show them."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from app.domain.claims import expiry_of
from app.domain.credentials import Method, Provider
from app.domain.gumloop import API_KEY_PAGE, USER_ID_PAGE
from app.domain.inputs import read_secret
from app.domain.keyless import Availability
from app.domain.login import SignedIn, Step
from app.domain.ports import Claims
from app.domain.text import capital
from app.domain.times import local
from app.domain.vendor_login import TITLE, VendorLogin
from app.services.login.browser import BrowserOptions
from app.services.login.progress import Report
from app.tui.screens.dialogs.ci_identity import Inspect
from widgets.presenter import clean


class BrowserFlow(Protocol):
    """A sign-in in the browser. While `resumable`, `sign_in` goes on from what it has."""

    @property
    def resumable(self) -> bool: ...
    async def discard(self) -> None: ...
    async def sign_in(
        self, options: BrowserOptions, pasted: asyncio.Queue[str], report: Report
    ) -> SignedIn: ...


class GumloopForms(Protocol):
    """Signs in to Gumloop with what a person types."""

    async def sign_in_with_key(self, api_key: str, user_id: str, report: Report) -> SignedIn: ...
    async def sign_in_with_token(self, token: str, report: Report) -> SignedIn: ...


class ChainloopForms(Protocol):
    """Signs in to Chainloop with what a person types."""

    async def sign_in_with_token(self, token: str, report: Report) -> SignedIn: ...


class LoginImport(Protocol):
    """Imports the login of the vendor's command line."""

    async def import_login(self, path: str, report: Report) -> SignedIn: ...


def _check_required(value: str) -> str:
    return "" if value.strip() else "this is needed"


def _describe_nothing(value: str) -> str:
    return ""


@dataclass(frozen=True, slots=True)
class Field:
    """One line of a form. `check` says what is wrong with a value, empty when nothing is.

    `about` says what a value tells of itself (the organization in a token), while it is typed; `where`
    says where to find one, as long as there is none.
    """

    name: str
    label: str
    placeholder: str = ""
    masked: bool = False
    check: Callable[[str], str] = _check_required
    about: Callable[[str], str] = _describe_nothing
    where: str = ""


@dataclass(frozen=True, slots=True)
class Form:
    """A sign-in without a browser: what is asked, and the sign-in that gets the answers by name.

    `about` is what a person reads before it is begun, a paragraph each.
    """

    fields: tuple[Field, ...]
    sign_in: Callable[[Mapping[str, str], Report], Awaitable[SignedIn]]
    about: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LoginMethod:
    """One row of the choice: `browser` or `form` says what follows; `why_not` greys the row out.

    `steps` are those that the flow goes through, in order. `port` is what the callback port starts
    with, 0 = any free one. `inspect` shows a row that needs no sign-in. `server` is where this way goes
    whatever is typed, empty where the typed one counts.
    """

    provider: Provider
    method: Method
    title: str
    note: str
    steps: tuple[Step, ...] = (Step.KEYCHAIN, Step.VERIFIED, Step.SAVED)
    browser: Callable[[], BrowserFlow] | None = None
    form: Form | None = None
    why_not: str = ""
    port: int = 0
    inspect: Inspect | None = None
    server: str = ""


def chainloop_methods(
    browser: Callable[[], BrowserFlow],
    forms: ChainloopForms,
    claims: Claims,
    *,
    ci: Availability,
    inspect: Inspect,
) -> tuple[LoginMethod, ...]:
    """Chainloop's rows. `ci` says whether this is a job with an identity of its own."""
    field = Field(
        "token", "API token", "paste it here", masked=True, about=lambda text: describe_token(claims, text)
    )
    form = Form((field,), lambda values, report: forms.sign_in_with_token(values["token"], report))
    begin = (Step.KEYCHAIN, Step.SERVER, Step.LISTENING, Step.BROWSER, Step.WAITING, Step.STATE)
    # Nobody has to sign in with it: where it can be had, it is used when nothing else is.
    missing = ci.why_not if ci.system else "GITLAB_OIDC is not set"
    keyless = LoginMethod(
        Provider.CHAINLOOP,
        Method.KEYLESS,
        "Keyless CI identity",
        f"{ci.system.title}: used by itself, enter shows it" if ci.system else "",
        why_not="" if ci.here else f"not here: {missing}",
        inspect=inspect,
    )
    return (
        LoginMethod(
            Provider.CHAINLOOP,
            Method.BROWSER,
            "Browser login",
            "for a person; the session ends by itself",
            (*begin, Step.VERIFIED, Step.SAVED),
            browser=browser,
        ),
        LoginMethod(
            Provider.CHAINLOOP,
            Method.API_TOKEN,
            "API token",
            "unattended; CHAINLOOP_TOKEN, or paste one",
            form=form,
        ),
        keyless,
    )


def import_methods(
    login: VendorLogin | None, importing: Callable[[], LoginImport], now: datetime
) -> tuple[LoginMethod, ...]:
    """The row of a login that Chainloop's own command line keeps; none where it keeps none."""
    if login is None:
        return ()
    ended = login.expires_at is not None and login.expires_at <= now
    why_not = f"it ended {_at(login.expires_at)}" if ended else ""
    if login.problem:
        why_not = f"its file does not name the server: {login.problem}"
    about = (
        f"{capital(login.words(_at(login.expires_at)))}.",
        "It is checked at that server alone, and stored in the keychain.",
        "The file is not changed: its copy stays valid as long as the login.",
    )
    return (
        LoginMethod(
            Provider.CHAINLOOP,
            login.method,
            TITLE,
            f"found in {login.path}: take it over into the keychain",
            (Step.FOUND, Step.KEYCHAIN, Step.VERIFIED, Step.SAVED),
            form=Form((), lambda values, report: importing().import_login("", report), about),
            why_not=why_not,
            server=login.server,
        ),
    )


def _at(moment: datetime | None) -> str:
    return f"{local(moment):%d %b %Y %H:%M}" if moment else ""


def gumloop_methods(
    browser: Callable[[], BrowserFlow],
    forms: GumloopForms,
    *,
    port: int,
) -> tuple[LoginMethod, ...]:
    """Gumloop's rows. `port` is the callback port that its public client is known by."""
    key_hint = f"made at {API_KEY_PAGE} (Pro plan or above)"
    key_form = Form(
        (
            Field("key", "API key", "gum_…", masked=True, check=_check_key, where=key_hint),
            Field("user", "User ID", "paste it here", where=f"shown at {USER_ID_PAGE}"),
        ),
        lambda values, report: forms.sign_in_with_key(values["key"], values["user"], report),
    )
    token_form = Form(
        (Field("token", "Access token", "paste it here", masked=True),),
        lambda values, report: forms.sign_in_with_token(values["token"], report),
    )
    begin = (Step.KEYCHAIN, Step.LISTENING, Step.BROWSER, Step.WAITING, Step.STATE, Step.EXCHANGE)
    return (
        LoginMethod(
            Provider.GUMLOOP,
            Method.OAUTH,
            "OAuth in your browser",
            "recommended: refreshes itself",
            (*begin, Step.VERIFIED, Step.SAVED),
            browser=browser,
            port=port,
        ),
        LoginMethod(
            Provider.GUMLOOP,
            Method.API_KEY,
            "API key",
            "needs the key and your user ID · Pro plan or above",
            form=key_form,
        ),
        LoginMethod(
            Provider.GUMLOOP,
            Method.ACCESS_TOKEN,
            "Access token",
            "paste one you already have",
            form=token_form,
        ),
    )


def _check_key(value: str) -> str:
    key = value.strip()
    if not key:
        return "this is needed"
    return "" if key.startswith("gum_") else "Gumloop's keys begin with gum_: check that it was copied whole"


def describe_token(claims: Claims, text: str) -> str:
    """What a pasted token says of itself, unverified; a hint when it is not readable."""
    if (token := read_secret(text, "the token")) is None:
        return ""
    says = claims(token)
    if not says:
        return "not readable as a token: check that it was copied whole"
    until = expiry_of(says)
    words = [
        f"organization {says['org_name']}" if says.get("org_name") else "",
        f"token {says['token_name']}" if says.get("token_name") else "",
        f"project {says['project_name']}" if says.get("project_name") else "",
        f"until {local(until):%d %b %Y %H:%M}" if until else "without an end",
    ]
    return clean("it says: " + " · ".join(word for word in words if word), 160)
