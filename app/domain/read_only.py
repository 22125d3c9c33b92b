"""Read-only mode: for looking at an account without being able to change it."""

from typing import NamedTuple

from app.domain.errors import ReadOnly

HINT = "start without --read-only or LOOPIN_READ_ONLY, and see read_only in config.toml"


def require_writable(reason: str) -> None:
    """Raise ReadOnly when there is a `reason` why nothing may be changed."""
    if reason:
        raise ReadOnly(f"nothing was changed: {reason}", hint=HINT)


class ReadOnlyMode(NamedTuple):
    """Which logins change nothing: all of them (`everything`), or those of the named `profiles`.

    `by` names what said so of all of them: a flag, a variable, the configuration file. Signing in stays
    possible, and forgetting a login here. To end a session at its server is a change.
    """

    everything: bool = False
    profiles: frozenset[str] = frozenset()
    by: str = ""

    def why(self, profile: str) -> str:
        """Say why nothing may be changed with this profile; empty when it may."""
        if self.everything:
            return f"read-only mode is on, says {self.by}" if self.by else "read-only mode is on"
        return f"profile {profile} is read-only, says config.toml" if profile in self.profiles else ""
