"""Workers of the screens: reads, changes, and what happens with their errors.

A read may be started over: a newer call cancels the one that runs. A change may not: cancelled half-way, it
would be done on the server and unknown here. So changes of a group run one at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import partial, wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

from textual.dom import DOMNode
from textual.message import Message
from textual.worker import Worker

from app.domain.errors import SessionEnded

Node = TypeVar("Node", bound=DOMNode)
P = ParamSpec("P")
T = TypeVar("T")
Method = Callable[Concatenate[Node, P], Coroutine[Any, Any, T]]
WARNING_SECONDS = 4
"""How long a warning is shown that needs no answer."""


class WorkerFailed(Message):
    """Tells the app that a worker raised an error. `shown`: the screen shows it itself."""

    def __init__(self, error: BaseException, description: str, *, shown: bool = False) -> None:
        super().__init__()
        self.error = error
        self.description = description
        self.shown = shown


class ErrorView:
    """Mixin of the screens that show errors of their workers."""

    session_ended = False
    """True once the server has refused the stored login: one can then sign in above this screen."""

    def show_failure(self, error: BaseException, group: str) -> bool:
        """Show an error of a worker of `group` on the screen; return False to leave it to the app."""
        return False


def report_error(node: DOMNode, error: BaseException, description: str, *, shown: bool = False) -> None:
    """Pass an error of `node` to the app, which notifies the user unless it is `shown`."""
    if isinstance(error, SessionEnded) and isinstance(node, ErrorView):
        node.session_ended = error.stored
    node.app.post_message(WorkerFailed(error, description, shown=shown))


def read(
    description: str, *, group: str
) -> Callable[[Method[Node, P, T]], Callable[Concatenate[Node, P], Worker[T | None]]]:
    """Run the decorated coroutine method as a worker; a newer call of `group` on the node cancels it."""

    def decorate(method: Method[Node, P, T]) -> Callable[Concatenate[Node, P], Worker[T | None]]:
        @wraps(method)
        def start(node: Node, /, *args: P.args, **kwargs: P.kwargs) -> Worker[T | None]:
            return _run_worker(node, partial(method, node, *args, **kwargs), description, group, True)

        return start

    return decorate


def change(
    description: str, *, group: str = "", quiet: bool = False
) -> Callable[[Method[Node, P, T]], Callable[Concatenate[Node, P], Worker[T | None] | None]]:
    """Run the decorated coroutine method as a worker, unless one of its group runs on the node already.

    A call that starts nothing returns None and notifies the user, unless `quiet`; so does one while the app
    closes. `description` and `group` may name positional arguments ("sign out of {0.title}"): then there is
    one group for each value. The default `group` is the name of the method.
    """

    def decorate(method: Method[Node, P, T]) -> Callable[Concatenate[Node, P], Worker[T | None] | None]:
        @wraps(method)
        def start(node: Node, /, *args: P.args, **kwargs: P.kwargs) -> Worker[T | None] | None:
            name = (group or method.__name__).format(*args)
            if not can_start(node, name, quiet=quiet):
                return None
            call = partial(method, node, *args, **kwargs)
            return _run_worker(node, call, description.format(*args), name, False)

        return start

    return decorate


def can_start(node: DOMNode, group: str, *, quiet: bool = False) -> bool:
    """Whether a change of `group` may start on `node` now; if not, notify the user why, unless `quiet`."""
    running = find_running(node, group)
    if running is not None:
        reason = f"Already under way: {running.description}"
    elif getattr(node.app, "closing", False):
        reason = "Loopin is closing: nothing new is begun"
    else:
        return True
    if not quiet:
        node.app.notify(reason, severity="warning", timeout=WARNING_SECONDS, markup=False)
    return False


def find_running(node: DOMNode, group: str) -> Worker[Any] | None:
    """The worker of `group` that runs on `node`, if any."""
    workers = (worker for worker in node.workers if worker.node is node and worker.group == group)
    return next((worker for worker in workers if not (worker.is_finished or worker.is_cancelled)), None)


def _run_worker(
    node: DOMNode,
    call: Callable[[], Coroutine[Any, Any, T]],
    description: str,
    group: str,
    exclusive: bool,
) -> Worker[T | None]:
    async def run() -> T | None:
        try:
            return await call()
        except Exception as error:
            shown = isinstance(node, ErrorView) and node.show_failure(error, group)
            report_error(node, error, description, shown=shown)
            return None

    return node.run_worker(
        run, group=group, description=description, exclusive=exclusive, exit_on_error=False
    )
