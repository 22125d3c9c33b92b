"""How the processes of a server are replaced."""

from pathlib import Path

import pytest

from app.server import supervisor
from app.server.main import serve
from app.server.settings import ServerSettings
from app.server.supervisor import Supervisor


async def test_a_process_that_cannot_be_started_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The system may have no process or file descriptor left for a moment."""
    tried: list[bool] = []

    def start(_settings: ServerSettings, _serve: object, first: bool) -> object:
        tried.append(first)
        if len(tried) < 3:
            raise BlockingIOError("Resource temporarily unavailable")
        return object()

    monkeypatch.setattr(supervisor, "Worker", start)
    monkeypatch.setattr(supervisor, "RESTART", 0.0)
    watching = Supervisor(ServerSettings(tmp_path, workers=2), serve)
    await watching._replace(1)
    assert tried == [False, False, False]
    assert [record.getMessage() for record in caplog.records].count("worker.failed") == 2
