"""The front page, the metrics, and the page that says what did not work."""

from urllib.parse import urlsplit

from flask import Blueprint, Response, render_template
from flask.typing import ResponseReturnValue

from app.server.core.services import Services
from app.server.directions import Directions
from app.server.metrics import CONTENT_TYPE
from app.server.web.browser_session import Visitor


def make_blueprint(parts: Services, way: Directions) -> Blueprint:
    """The routes; the front page shows `way`."""
    pages = Blueprint("pages", __name__)
    visitor = Visitor(parts)

    @pages.get("/")
    def front() -> ResponseReturnValue:
        place, browser = urlsplit(way.http).netloc, visitor.current()
        return render_template("front.html", place=place, way=way, browser=browser)

    @pages.get("/metrics")
    def metrics() -> Response:
        return Response(parts.metrics.text(), content_type=CONTENT_TYPE)

    return pages


def problem_page(title: str, text: str, step: str, status: int) -> tuple[str, int]:
    """What did not work, why, and the next step."""
    return render_template("problem.html", title=title, text=text, step=step), status
