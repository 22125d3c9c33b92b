"""Where a listing was read, and where a change that was confirmed on it goes."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from app.domain.credentials import Credential


class OrganizationRef(NamedTuple):
    """An organization: the name that calls send, and the id that tells it from a later one of that name.

    `id` is empty where no server has told it yet; both are empty for a person without an organization.
    """

    name: str = ""
    id: str = ""

    def is_same(self, other: OrganizationRef) -> bool:
        """Compare by id where both ids are known, else by name."""
        if self.id and other.id:
            return self.id == other.id
        return self.name == other.name


NO_ORGANIZATION = OrganizationRef()


class RequestContext(NamedTuple):
    """The credential with its endpoint, the organization, and whose credential it is.

    `principal` is the id of the person, or of the API token, as the server or the token itself tells it.
    """

    credential: Credential
    organization: OrganizationRef
    principal: str = ""
