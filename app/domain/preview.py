"""What a threshold would do to the tokens of an organization, before it is set.

The rule itself is in `inactivity`; here tokens are put in order once, so that a new threshold costs a
few looks and not a pass over all of them.
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from app.domain.inactivity import Fate, active_since, fate, idle
from app.domain.tokens import APIToken

_URGENCY = {Fate.NEXT_SWEEP: 0, Fate.WITHIN_WEEK: 1, Fate.WITHIN_MONTH: 2, Fate.SAFE: 3}


@dataclass(frozen=True, slots=True)
class Partition:
    """How many tokens meet which fate, and those that will not live on, most urgent first."""

    threshold: int
    counts: Mapping[Fate, int]
    falling: Sequence[APIToken]

    @property
    def next_sweep(self) -> int:
        """How many the next sweep revokes."""
        return self.counts[Fate.NEXT_SWEEP]


class Preview:
    """Unrevoked tokens, longest unused first; expired ones are among them, for the sweep takes them too."""

    def __init__(self, tokens: Iterable[APIToken], now: datetime) -> None:
        self.now = now
        self.tokens = sorted((t for t in tokens if t.revoked_at is None), key=active_since)
        self.idle_days = [idle(t, now).days for t in self.tokens]

    def at(self, threshold: int) -> Partition:
        """Partition the tokens under `threshold` days; 0 leaves all of them safe."""

        def urgency(token: APIToken) -> int:
            return _URGENCY[fate(token, threshold, self.now)]

        # In this order the fates only get milder, so each begins where a search says.
        ends = [bisect_right(self.tokens, rank, key=urgency) for rank in range(4)]
        counts = {f: ends[rank] - (ends[rank - 1] if rank else 0) for f, rank in _URGENCY.items()}
        return Partition(threshold, counts, self.tokens[: ends[2]])

    def histogram(self, bins: int, longest: int) -> list[int]:
        """Count tokens by days of idleness in `bins` equal parts of 0 to `longest` days.

        The last part takes everything beyond.
        """
        counts = [0] * bins
        for days in self.idle_days:
            counts[min(days * bins // longest, bins - 1)] += 1
        return counts

    def longest_idle(self) -> int:
        """Days of idleness of the least used token; 0 without tokens."""
        return self.idle_days[0] if self.idle_days else 0
