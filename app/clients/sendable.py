"""What may stand in a header, the same for both providers."""

from app.domain.errors import NotSignedIn
from app.domain.secret import Secret


def sendable(value: Secret, what: str) -> str:
    """The value of a header without a space, a line break or anything but ASCII (RFC 6750 §2.1).

    Raise NotSignedIn for any other: it would never reach a server that could refuse it. `what` names it.
    """
    text = value.reveal()
    if text.isascii() and text.isprintable() and " " not in text:
        return text
    raise NotSignedIn(
        f"the {what} has characters that no {what} has", hint="copy it again, whole and nothing else"
    )
