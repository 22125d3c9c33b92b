"""Keyless CI identity: who this job is."""

from dataclasses import dataclass

from app.domain.errors import LoopinError
from app.domain.keyless import Availability, CIIdentities, CIIdentity


@dataclass(frozen=True, slots=True)
class Inspection:
    """What was found: a verified identity, or the error that says why there is none."""

    availability: Availability
    identity: CIIdentity | None
    error: LoopinError | None = None


class InspectKeyless:
    """Verify the job's token and tell what it says. Nothing is sent to the control plane."""

    def __init__(self, ci: CIIdentities) -> None:
        self._ci = ci

    async def do(self) -> Inspection:
        """What fails is told inside."""
        found = self._ci.look()
        try:
            return Inspection(found, (await self._ci.token()).identity)
        except LoopinError as error:
            return Inspection(found, None, error)
