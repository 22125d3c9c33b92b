"""The access log of the HTTP side: a line for each request, and its id on the answer."""

import time
from collections.abc import Iterable
from http import HTTPStatus
from typing import TYPE_CHECKING

from werkzeug.wsgi import ClosingIterator, get_path_info

from app.domain.text import clean
from app.server import log
from app.server.addresses import Network, client_address

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


class AccessLog:
    """Around a WSGI application. Of the address only the path is logged: a query may hold a secret."""

    def __init__(self, app: "WSGIApplication", proxies: tuple[Network, ...] = ()) -> None:
        self._app = app
        self._proxies = proxies

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Answer one request; its line is written when the answer was sent."""
        began, request = time.perf_counter(), log.begin_request()
        status = HTTPStatus.INTERNAL_SERVER_ERROR.value

        def start(line: str, headers: list[tuple[str, str]], trouble: object = None) -> object:
            nonlocal status
            status = int(line[:3])
            return start_response(line, [*headers, (log.REQUEST_HEADER, request)])

        def finish() -> None:
            self._write(environ, status, time.perf_counter() - began, request)

        try:
            answer = self._app(environ, start)  # type: ignore[arg-type]
        except BaseException:
            finish()
            raise
        finally:
            log.end_request()
        return ClosingIterator(answer, finish)

    def _write(self, environ: "WSGIEnvironment", status: int, duration: float, request: str) -> None:
        forwarded = environ.get("HTTP_X_FORWARDED_FOR", "")
        log.event(
            "http.request",
            method=clean(environ.get("REQUEST_METHOD", ""), 20),
            path=log.shown_path(get_path_info(environ)),
            status=status,
            duration=round(duration, 4),
            client=client_address(environ.get("REMOTE_ADDR", ""), forwarded, self._proxies),
            request=request,
        )
