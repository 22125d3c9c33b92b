"""/: what this server is, and how a person signs in to it."""

from urllib.parse import urlsplit

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from app.server.directions import Directions
from app.server.http.visitor import Visitor
from app.server.parts import Parts


def make_blueprint(parts: Parts, way: Directions) -> Blueprint:
    """The route; it shows `way` to whoever asks."""
    pages = Blueprint("front", __name__)
    visitor = Visitor(parts)

    @pages.get("/")
    def front() -> ResponseReturnValue:
        return render_template(
            "front.html", place=urlsplit(way.http).netloc, way=way, browser=visitor.current()
        )

    return pages
