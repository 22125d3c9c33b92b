"""Puts redaction in place for one run of the app: everything that comes in is learnt, everything that is
shown is masked."""

import asyncio
import inspect
from typing import Any

from app.bootstrap import Container
from app.domain import text
from app.domain.redact import Redactor, parts

SLICE = 500
_PORTS = ("gateways", "gumloop_apis", "activity", "accounts", "ci_identity")


class Learner:
    """Stands before an adapter. What its calls return is learnt on the way; nothing is changed."""

    def __init__(self, inner: object, redactor: Redactor) -> None:
        self._inner = inner
        self._redactor = redactor

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        return self._listening(found) if callable(found) else found

    def _listening(self, call: Any) -> Any:
        def listening(*given: Any, **named: Any) -> Any:
            self._redactor.learn(given)
            answer = call(*given, **named)
            return self._learnt(answer) if inspect.isawaitable(answer) else Learner(answer, self._redactor)

        return listening

    async def _learnt(self, coming: Any) -> Any:
        answer = await coming
        for part in parts(answer, SLICE):
            self._redactor.learn(part)
            await asyncio.sleep(0)
        return answer


def install(container: Container) -> Redactor:
    """Before any service is made; `remove` ends it."""
    redactor = Redactor()
    for port in _PORTS:
        container.__dict__[port] = Learner(getattr(container, port), redactor)
    text.use_mask(redactor.mask)
    return redactor


def remove() -> None:
    """Mask nothing any longer."""
    text.use_mask(None)
