"""Who calls, as the server sees it."""

from app.server.core.principals import Actor
from app.server.core.services import Parts


def identify(parts: Parts, bearer: str, organization: str = "") -> Actor:
    """The principal of a call with this bearer, about that organization."""
    return parts.identify.load(parts.identify.verify(bearer), organization)
