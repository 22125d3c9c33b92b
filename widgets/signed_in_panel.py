"""The result of a sign-in: who, where, until when."""

from datetime import datetime

from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from app.domain.login import SignedIn
from app.domain.times import local
from widgets.presenter import clean


class SignedInPanel(Widget):
    """Identity, session and where the login is stored."""

    DEFAULT_CSS = """
    SignedInPanel { height: auto; }
    """

    result: reactive[SignedIn | None] = reactive[SignedIn | None](None, layout=True)
    """How the sign-in ended."""

    def render(self) -> Content:
        done = self.result
        if done is None:
            return Content("")
        rows = (
            ("organization", f"{done.organization}{f' · {done.role}' if done.role else ''}"),
            ("session", _until(done.expires_at)),
            ("server", done.endpoint),
            ("stored in", done.stored_in),
            ("profile", "" if done.profile == "default" else done.profile),
            ("copy", f"{done.copy_in}, unchanged and valid" if done.copy_in else ""),
        )
        lines = [Content.assemble((f"✓ {done.words}", "bold $text-success"))]
        lines += [
            Content.assemble((f"  {label:<14}", "$text-muted"), clean(value, 120))
            for label, value in rows
            if value
        ]
        if done.problem:
            lines.append(Content.assemble((f"▲ {clean(done.problem, 300)}", "$text-warning")))
        return Content("\n").join(lines)


def _until(moment: datetime | None) -> str:
    return f"until {local(moment):%a %d %b %Y %H:%M}" if moment else "without an end of its own"
