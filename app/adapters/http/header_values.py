"""What may stand in a header, the same for both providers."""

from app.domain.credentials import Credential, Provider, Source
from app.domain.errors import NotSignedIn
from app.domain.secret import Secret

_VARIABLES = {
    (Provider.CHAINLOOP, "token"): "CHAINLOOP_TOKEN",
    (Provider.GUMLOOP, "access token"): "GUMLOOP_ACCESS_TOKEN",
    (Provider.GUMLOOP, "API key"): "GUMLOOP_API_KEY",
    (Provider.GUMLOOP, "user ID"): "GUMLOOP_USER_ID",
}


def header_value(value: Secret, what: str, credential: Credential | None = None) -> str:
    """The value of a header without a space, a line break or anything but ASCII (RFC 6750 §2.1).

    Raise NotSignedIn for any other: it would never reach a server that could refuse it. `what` names it;
    one of a `credential` from the environment is told with its variable.
    """
    text = value.reveal()
    if text.isascii() and text.isprintable() and " " not in text:
        return text
    where = ""
    if credential is not None and credential.source is Source.ENVIRONMENT:
        where = f" (from {_VARIABLES[credential.provider, what]})"
    raise NotSignedIn(
        f"the {what} has characters that no {what} has{where}", hint="copy it again, whole and nothing else"
    )
