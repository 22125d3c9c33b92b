"""What is asked before a sign-out, and what is told after it."""

from app.domain.credentials import Source
from app.domain.login import SignedOut
from app.domain.status import ProviderStatus
from app.domain.times import local
from app.tui.screens.dialogs.dialog import Confirm
from widgets.presenter import clean


def question(status: ProviderStatus) -> Confirm:
    """Name the login, and what stays."""
    who = status.identity.name if status.identity and status.source is Source.KEYCHAIN else ""
    lines = [f"The login {f'of {who} ' if who else ''}is removed from {status.stored_in}."]
    lines.append("Where the server knows how, the session ends there too.")
    if status.source is not Source.KEYCHAIN:
        label = next((c.label for c in status.candidates if c.in_effect), "another source")
        lines.append(f"{label} still signs you in afterwards.")
    if status.copy_in:
        until = f" until {local(status.expires_at):%d %b %Y %H:%M}" if status.expires_at else ""
        lines.append(
            f"{clean(status.copy_in, 120)} has a copy of it: both end there, or stay valid{until} "
            "where the server cannot end them."
        )
    return Confirm(f"Sign out of {status.provider.title}?", "\n".join(lines), yes="Sign out")


def told(result: SignedOut) -> str:
    """Two facts, told apart: here, and at the server."""
    if not result.forgotten:
        facts = [f"nothing was forgotten: {result.unseen}" if result.unseen else "nothing was stored here"]
    elif result.ended_at_server:
        facts = ["forgotten here, and ended at the server"]
    elif result.was_over:
        facts = ["forgotten here; the login was not valid any more"]
    elif result.is_token:
        facts = ["forgotten here; the API token itself is not revoked"]
    else:
        until = f" until {local(result.valid_until):%d %b %Y %H:%M}" if result.valid_until else ""
        facts = ["forgotten here", f"the server keeps the session valid{until}"]
    if result.copy_in and not result.was_over:
        fate = "ended, too" if result.ended_at_server else "stays valid, too"
        facts.append(f"the copy in {clean(result.copy_in, 120)} {fate}")
    if result.warning:
        facts.append(result.warning)
    if result.still:
        facts.append(f"{result.still} still signs you in")
    return "; ".join(facts)
