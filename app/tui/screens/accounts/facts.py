"""What an account card says, from what is known of the account."""

from datetime import datetime

from app.domain.credentials import DEFAULT_PROFILE, Method, Source
from app.domain.errors import NotSignedIn, OrganizationLost, SessionEnded, Unreachable, VaultError
from app.domain.gumloop import BASE_URL
from app.domain.status import ProviderStatus
from app.domain.times import local
from app.settings import CHAINLOOP_ADDRESS
from app.tui.screens.messages import error_sentence
from widgets.account_card import CardButton, CardFacts
from widgets.presenter import clean
from widgets.top_bar import WARNING_AT, life

_USUAL = frozenset({BASE_URL, CHAINLOOP_ADDRESS})


def facts_of(status: ProviderStatus, *, asked: bool, now: datetime, key: str) -> CardFacts:
    """`asked` says that the server was asked, so that silence means something; `key` signs in."""
    glyph, state, tone = _state(status, asked)
    note = ""
    if status.error is not None:
        note = error_sentence(status.error, key)
    rows = tuple((label, value) for label, value in _rows(status, now) if value)
    return CardFacts(glyph, state, tone, rows, note, _buttons(status))


def _state(status: ProviderStatus, asked: bool) -> tuple[str, str, str]:
    match status.error:
        case VaultError():
            return "✗", "keychain not usable", "error"
        case SessionEnded(stored=True):
            return "✗", "session ended", "error"
        case SessionEnded():
            return "✗", "refused by the server", "error"
        case Unreachable():
            return "!", "server not reachable", "warning"
        case NotSignedIn():
            return "○", "not signed in", "muted"
        case OrganizationLost():
            return "!", "signed in, organization not usable", "warning"
        case None:
            pass
        case _:
            return "!", "the server said no", "warning"
    if not status.signed_in:
        return "○", "not signed in", "muted"
    if status.identity is None and not asked:
        return "◐", "asking the server …", "muted"
    return "●", "signed in", "success"


def _rows(status: ProviderStatus, now: datetime) -> list[tuple[str, str]]:
    identity = status.identity
    role = f" · {identity.role.value}" if identity and identity.role else ""
    life_word = "token" if identity and identity.is_token else "session"
    return [
        ("identity", f"{identity.name}{role}" if identity else ""),
        ("organization", _organization(status)),
        ("team", clean(status.team_name or status.team_id)),
        ("method", f"{status.method.title}{_from(status)}" if status.method else ""),
        _stored(status),
        (life_word, _life(status, now)),
        ("server", "" if status.endpoint in _USUAL else status.endpoint),
        ("profile", status.profile if status.signed_in or status.profile != DEFAULT_PROFILE else ""),
    ]


def _stored(status: ProviderStatus) -> tuple[str, str]:
    if status.stored_in and status.source not in {None, Source.KEYCHAIN}:
        return "not in use", f"a login stored in {status.stored_in}"
    return "stored in", status.stored_in


def _organization(status: ProviderStatus) -> str:
    identity = status.identity
    if identity is None:
        return ""
    if identity.project:
        return f"{identity.organization} · project {identity.project}"
    return identity.organization or ("none yet" if status.error is None else "")


def _from(status: ProviderStatus) -> str:
    match status.source:
        case Source.FLAG:
            return ", from a flag"
        case Source.ENVIRONMENT:
            return ", from the environment"
        case Source.CI:
            return ", from the CI job"
        case _:
            return ""


def _life(status: ProviderStatus, now: datetime) -> str:
    if not status.signed_in or isinstance(status.error, SessionEnded):
        return ""
    if status.expires_at is None:
        return _endless(status.method) if status.identity and status.method else ""
    left = status.expires_at - now
    end = local(status.expires_at)
    exact = f"{end:%d %b %H:%M}" if end.year == local(now).year else f"{end:%d %b %Y %H:%M}"
    if status.renews:
        return f"renews itself, next at {exact}"
    if left.total_seconds() <= 0:
        return f"ended {exact}"
    soon = "  ! ends soon" if left < WARNING_AT else ""
    return f"{life(left)}, until {exact}{soon}"


def _endless(method: Method) -> str:
    return "without an end" if method.tells_its_end else "end not known"


def _buttons(status: ProviderStatus) -> tuple[CardButton, ...]:
    stored, login = bool(status.stored_in), f"screen.login('{status.provider.value}')"
    if not status.signed_in and not stored:
        return (CardButton("Sign in", login),)
    why = "" if stored else "nothing is stored here to sign out of"
    logout = f"screen.logout('{status.provider.value}')"
    return (CardButton("Sign in again", login), CardButton("Sign out", logout, why))
