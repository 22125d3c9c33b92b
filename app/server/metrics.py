"""Metrics of the sweep for Prometheus: totals only, without names or organizations."""

import os
from datetime import datetime

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest, multiprocess

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
# Of the client library: where several processes share their values.
METRICS_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
DONE, HELD, FAILED = "done", "held", "failed"


class Metrics:
    """The rounds of the sweep in this server."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._last = self._gauge("last_run_timestamp_seconds", "When the last round of the sweep began.")
        self._next = self._gauge("next_run_timestamp_seconds", "When the next round is due; 0 without one.")
        self._seconds = self._gauge("duration_seconds", "How long the last round took.")
        self._longest = self._gauge("longest_transaction_seconds", "Longest transaction of the last round.")
        self._last_revoked = self._gauge("last_revoked", "API tokens that the last round revoked.")
        self._revoked = Counter(
            "loopin_sweep_revoked", "API tokens revoked since the start.", registry=self._registry
        )
        self._rounds = Counter(
            "loopin_sweep_rounds", "Rounds by how they ended.", ["outcome"], registry=self._registry
        )
        for outcome in (DONE, HELD, FAILED):
            self._rounds.labels(outcome)

    def set_round(self, began: datetime, seconds: float, revoked: int, longest: float) -> None:
        """Record a round that ended."""
        self._last.set(began.timestamp())
        self._seconds.set(seconds)
        self._longest.set(longest)
        self._last_revoked.set(revoked)
        self._rounds.labels(DONE).inc()

    def add_revoked(self, count: int) -> None:
        """Count API tokens that were revoked in one transaction."""
        self._revoked.inc(count)

    def count_round(self, outcome: str) -> None:
        """Count a round that was held or failed."""
        self._rounds.labels(outcome).inc()

    def set_next_round(self, at: datetime) -> None:
        """Record when the next round is due."""
        self._next.set(at.timestamp())

    def text(self) -> bytes:
        """All metrics in the text format of Prometheus."""
        if METRICS_FOLDER not in os.environ:
            return generate_latest(self._registry)
        # Of all processes of this server, whichever of them is asked.
        registry = CollectorRegistry()
        multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry)

    def _gauge(self, name: str, help: str) -> Gauge:
        return Gauge(f"loopin_sweep_{name}", help, registry=self._registry, multiprocess_mode="mostrecent")
