"""/metrics: totals for Prometheus."""

from flask import Blueprint, Response

from app.server.metrics import CONTENT_TYPE, Metrics


def make_blueprint(metrics: Metrics) -> Blueprint:
    """The route."""
    pages = Blueprint("metrics", __name__)

    @pages.get("/metrics")
    def show() -> Response:
        return Response(metrics.text(), content_type=CONTENT_TYPE)

    return pages
