"""Read-only mode: for looking at an account without being able to change it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ReadOnlyMode:
    """Which logins change nothing: all of them (`everything`), or those of the named `profiles`.

    Signing in and out stays possible: that is about this machine, not about the organization.
    """

    everything: bool = False
    profiles: frozenset[str] = frozenset()

    def why(self, profile: str) -> str:
        """Say why nothing may be changed with this profile; empty when it may."""
        if self.everything:
            return "read-only mode is on"
        return f"profile {profile} is read-only, says config.toml" if profile in self.profiles else ""
