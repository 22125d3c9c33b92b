"""Who calls, as the server sees it."""

from app.server.parts import Parts
from app.server.usecases.actors import Actor


def identify(parts: Parts, bearer: str, organization: str = "") -> Actor:
    """The principal of a call with this bearer, about that organization."""
    return parts.identify.load(parts.identify.verify(bearer), organization)
