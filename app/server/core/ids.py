"""Reading ids that callers sent."""

from uuid import UUID

from app.domain.errors import InvalidInput


def read_id(value: str) -> UUID | None:
    """The UUID in its usual form of 36 characters, or None for anything else."""
    try:
        return UUID(value) if len(value) == 36 else None
    except ValueError:
        return None


def parse_id(value: str) -> UUID:
    """The same; raise InvalidInput for anything else."""
    if (found := read_id(value)) is None:
        raise InvalidInput(f"invalid uuid {value[:80]!r}")
    return found
