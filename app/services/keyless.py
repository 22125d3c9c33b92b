"""The identity of the CI job that this process runs in."""

from dataclasses import dataclass

from app.domain.errors import LoopinError
from app.domain.keyless import Availability, CIIdentities, CIIdentity


@dataclass(frozen=True, slots=True)
class Inspection:
    """A verified identity, or the error that says why there is none."""

    availability: Availability
    identity: CIIdentity | None
    error: LoopinError | None = None


class KeylessService:
    """Verifies the identity token of the CI job. Nothing is sent to the control plane."""

    def __init__(self, ci: CIIdentities) -> None:
        self._ci = ci

    async def inspect_identity(self) -> Inspection:
        """Verify it; errors are returned, not raised."""
        found = self._ci.look()
        try:
            return Inspection(found, (await self._ci.token()).identity)
        except LoopinError as error:
            return Inspection(found, None, error)
