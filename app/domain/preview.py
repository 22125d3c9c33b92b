"""What a threshold would do to the tokens of an organization, before it is set.

The rule itself is in `inactivity`; here tokens are put in order once, so that a new threshold costs a
few looks and not a pass over all of them.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from app.domain.inactivity import SWEEP_INTERVAL, Fate, active_since, fate
from app.domain.tokens import APIToken

_URGENCY = {kind: rank for rank, kind in enumerate(Fate)}


@dataclass(frozen=True, slots=True)
class Partition:
    """How many tokens meet which fate, and those that will not live on, most urgent first."""

    threshold: int
    counts: Mapping[Fate, int]
    falling: Sequence[APIToken]

    @property
    def next_sweep(self) -> int:
        """How many the next sweep revokes when nobody uses them: due now, and due within the hour."""
        return self.counts[Fate.DUE] + self.counts[Fate.WITHIN_HOUR]

    @property
    def announced(self) -> Sequence[APIToken]:
        """Those tokens, longest unused first."""
        return self.falling[: self.next_sweep]


class Preview:
    """Unrevoked tokens, longest unused first; expired ones are among them, for the sweep takes them too."""

    def __init__(self, tokens: Iterable[APIToken], now: datetime) -> None:
        self.now = now
        self.tokens = sorted((t for t in tokens if t.revoked_at is None), key=active_since)

    def at(self, threshold: int) -> Partition:
        """Partition the tokens under `threshold` days; 0 leaves all of them safe."""

        def urgency(token: APIToken) -> int:
            return _URGENCY[fate(token, threshold, self.now)]

        # In this order the fates only get milder, so each begins where a search says.
        ends = [bisect_right(self.tokens, rank, key=urgency) for rank in _URGENCY.values()]
        counts = {f: ends[rank] - (ends[rank - 1] if rank else 0) for f, rank in _URGENCY.items()}
        return Partition(threshold, counts, self.tokens[: ends[-2]])

    def histogram(self, starts: Sequence[float]) -> list[int]:
        """Count tokens by idle time in parts that begin at `starts` days, ascending.

        A part ends where the next begins, the last one never; what is younger than the first start is in the
        first. A token counts as beyond a start when the next sweep would take it under a threshold of as many
        days.
        """
        moments = [self.now + SWEEP_INTERVAL - timedelta(days=start) for start in starts[1:]]
        beyond = [bisect_left(self.tokens, moment, key=active_since) for moment in moments]
        return [more - less for more, less in pairwise([len(self.tokens), *beyond, 0])]
