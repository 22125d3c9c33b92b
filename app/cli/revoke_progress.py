"""How far a revocation of many tokens has come: on one line of the terminal, and told when ctrl+c ends it."""

import os
import sys
from collections.abc import Sequence
from types import TracebackType

from app.cli.exit_codes import PartlyDone, say
from app.cli.output import width
from app.domain.errors import Cancelled, Failed, LoopinError
from app.domain.text import clean
from app.services.revoke_tokens import Revocation

_NAMED = 4
"""At most so many tokens are there by name in a sentence; so many calls are under way at once, too."""


class NotKnown(Failed):
    """The request was under way when it ended: whether the token is revoked, only the server can tell."""


class Progress:
    """Hears of each token of `pairs`, (id, name). Inside `with` a terminal shows the count on one line.

    `rest` is the next step where something is left, where that is not the same command.
    """

    def __init__(self, pairs: Sequence[tuple[str, str]], *, quiet: bool, rest: str = "") -> None:
        self.pairs = pairs
        self._rest = rest or "the same command again does the rest"
        self._answered: dict[str, Revocation] = {}
        self._under_way: set[str] = set()
        self._revoked = 0
        self._drawn = 0
        self._draws = not quiet and len(pairs) > 1 and can_rewrite()

    def begun(self, token_id: str) -> None:
        """The token's call is about to be made, perhaps not for the first time."""
        self._answered.pop(token_id, None)
        self._under_way.add(token_id)

    def told(self, result: Revocation) -> None:
        """The token's call was answered, or is not made any more."""
        if isinstance(result.error, Cancelled):
            return
        self._under_way.discard(result.token_id)
        self._answered[result.token_id] = result
        self._revoked += result.error is None
        self._draw(f"revoked {self._revoked:,} of {len(self.pairs):,}")

    def so_far(self) -> tuple[Revocation, ...]:
        """What is known of every token, in the order of `pairs`; Cancelled stands for untouched."""
        return tuple(self._known(token_id, name) for token_id, name in self.pairs)

    def broken_off(self) -> LoopinError:
        """What to tell when it ended before it was done."""
        if not (self._answered or self._under_way):
            return Cancelled("cancelled: nothing was revoked")
        parts = [f"{self._revoked:,} of {len(self.pairs):,} API tokens revoked"]
        if failed := len(self._answered) - self._revoked:
            parts.append(f"{failed:,} not revoked")
        if self._under_way:
            named = [
                clean(name or token_id, 80) for token_id, name in self.pairs if token_id in self._under_way
            ]
            parts.append(f"{len(named):,} not known ({', '.join(named[:_NAMED])})")
        if rest := len(self.pairs) - len(self._answered) - len(self._under_way):
            parts.append(f"{rest:,} not touched")
        return PartlyDone(f"cancelled: {', '.join(parts)}", hint=self._rest)

    def __enter__(self) -> "Progress":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._draw("")

    def _known(self, token_id: str, name: str) -> Revocation:
        if token_id in self._under_way:
            return Revocation(token_id, name, NotKnown("not known: its request was under way"))
        return self._answered.get(token_id) or Revocation(token_id, name, Cancelled("not touched"))

    def _draw(self, text: str) -> None:
        """Put `text` in the place of what stands on the line; without any, leave it empty."""
        if self._draws and (text or self._drawn):
            # Blanks, and no escape code, so every terminal understands it.
            blank = f"\r{' ' * self._drawn}\r" if self._drawn > width(text) else "\r"
            say(f"{blank}{text}", end="")
            self._drawn = width(text)


def can_rewrite() -> bool:
    """True when standard error is a terminal on which a line can be written over."""
    return sys.stderr is not None and sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
