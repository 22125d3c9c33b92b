"""Workers that change something: one at a time, and never cancelled for a second one.

Reading may be started over (`@work(exclusive=True)`): the newer answer is the one to show. A change may not:
cancelled half-way, it would be done at the other side and unknown here.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import partial, wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

from textual.dom import DOMNode
from textual.worker import Worker

Node = TypeVar("Node", bound=DOMNode)
P = ParamSpec("P")
T = TypeVar("T")


def change(
    description: str, *, group: str = "", quiet: bool = False
) -> Callable[
    [Callable[Concatenate[Node, P], Coroutine[Any, Any, T]]],
    Callable[Concatenate[Node, P], Worker[T] | None],
]:
    """Run the decorated coroutine method as a worker that changes something.

    While one of its group is under way on the same node, a call starts nothing, tells the person so (unless
    `quiet`), and returns None; so does one while the app is closing. `description` and `group` may name
    positional arguments ("sign out of {0.title}"): then there is one group for each value. Without a `group`
    the method is one of its own.
    """

    def decorate(
        method: Callable[Concatenate[Node, P], Coroutine[Any, Any, T]],
    ) -> Callable[Concatenate[Node, P], Worker[T] | None]:
        @wraps(method)
        def begin(node: Node, /, *args: P.args, **kwargs: P.kwargs) -> Worker[T] | None:
            of = (group or method.__name__).format(*args)
            if why := why_not(node, of):
                if not quiet:
                    node.app.notify(why, severity="warning", timeout=4, markup=False)
                return None
            return node.run_worker(
                partial(method, node, *args, **kwargs),
                name=method.__name__,
                group=of,
                description=description.format(*args),
                exit_on_error=False,
            )

        return begin

    return decorate


def under_way(node: DOMNode, group: str) -> Worker[Any] | None:
    """Return the worker of this group of changes that runs on `node`, if one does."""
    workers = (worker for worker in node.workers if worker.node is node and worker.group == group)
    return next((worker for worker in workers if not (worker.is_finished or worker.is_cancelled)), None)


def why_not(node: DOMNode, group: str) -> str:
    """Say why no change of the group may begin now; empty when one may."""
    running = under_way(node, group)
    if running is not None:
        return f"Already under way: {running.description}"
    return "Loopin is closing: nothing new is begun" if getattr(node.app, "closing", False) else ""
