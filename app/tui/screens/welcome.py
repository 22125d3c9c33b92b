"""What Loopin says where nobody is signed in."""

from app.domain.credentials import Provider
from app.tui.screens.account_state import DemoLogin
from widgets.welcome import Way

_SIGN_IN = (
    Way(
        f"Sign in to {Provider.GUMLOOP.title}",
        "browser (OAuth), API key or access token",
        Provider.GUMLOOP.value,
    ),
    Way(
        f"Sign in to {Provider.CHAINLOOP.title}",
        "browser, API token or CI identity",
        Provider.CHAINLOOP.value,
    ),
)
_DEMO = Way("Try the demo", "sample data on this machine, nothing kept", "demo")


def ways(*, demo: bool) -> tuple[Way, ...]:
    """The ways on; within the demo there is no way to it."""
    return _SIGN_IN if demo else (*_SIGN_IN, _DEMO)


def words(demo: DemoLogin | None, *, troubled: bool) -> str:
    """The sentence above them; `troubled` = the keychain cannot be used."""
    if demo is not None:
        return (
            f"This is a sample server on your machine. Sign in as {demo.email} "
            f"with the password {demo.password}."
        )
    if troubled:
        return "The keychain cannot be used, see below: no login can be kept until it is mended."
    return "Nobody is signed in here yet. Three ways on:"
