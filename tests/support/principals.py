"""Who calls, as the server sees it."""

from app.server.core.principals import Principal
from app.server.core.services import Services


def identify(services: Services, bearer: str, organization: str = "") -> Principal:
    """The principal of a call with this bearer, about that organization."""
    return services.authentication.load_principal(services.authentication.verify_token(bearer), organization)
