"""The type that every secret travels in."""

from typing import NoReturn

VARIABLES = (
    *("CHAINLOOP_TOKEN", "GUMLOOP_ACCESS_TOKEN", "GUMLOOP_API_KEY"),
    *("GITLAB_OIDC", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"),
)
"""The environment variables that hold a secret for Loopin."""


class Secret:
    """A secret string that never shows itself.

    `repr`, `str` and formatting give a mask; only `reveal()` gives the value, so every place where a
    secret leaves the program can be found by that name. It cannot be pickled.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        if not value:
            raise ValueError("a secret cannot be empty")
        self._value = value

    def reveal(self) -> str:
        """Return the secret itself."""
        return self._value

    @property
    def hint(self) -> str:
        """The last four characters behind an ellipsis; nothing of a secret under 16 characters."""
        return f"…{self._value[-4:]}" if len(self._value) >= 16 else "…"

    def __repr__(self) -> str:
        return "Secret(…)"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return format(repr(self), spec)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret cannot be pickled")
