"""`loopin doctor`: what on this machine would keep a sign-in from working."""

import os
from collections.abc import Callable

import click

from app.bootstrap import Container
from app.cli import debug, exit_codes
from app.cli.groups import Leaf
from app.cli.options import settings_flags, shared
from app.cli.output import DIM, GREEN, RED, YELLOW, paint, show, show_json
from app.cli.runtime import run, tell_slips
from app.domain import secret
from app.domain.doctor import Finding, Verdict
from app.domain.errors import UsageError
from app.domain.text import clean, plural
from app.settings import TABLE, Settings, load

_GLYPHS = {Verdict.PASS: ("✓", GREEN), Verdict.WARN: ("!", YELLOW), Verdict.FAIL: ("✗", RED)}


@click.command("doctor", cls=Leaf)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@shared
@click.pass_context
def doctor(ctx: click.Context, as_json: bool) -> int:
    """Check keychain, browser, port, servers, clock, environment and terminal, and say what to mend.

    Sends no credential and shows none: the output can go into a bug report as it is. Exits with 7 when a
    check fails.
    """
    found: list[Finding] = []

    def tell(finding: Finding) -> None:
        found.append(finding)
        if not as_json:
            show(_line(finding))

    # `run` forgets what it hid when it ends, so what must not show is told here too.
    for name in secret.VARIABLES:
        debug.hide(os.environ.get(name, ""))
    try:
        settings = load(flags=settings_flags(ctx))
    except UsageError as error:
        # Without settings there is nothing to look at; that is the finding.
        tell(Finding("settings", Verdict.FAIL, error.message, error.hint))
    else:
        for slip in _slips(settings):
            tell(Finding("settings", Verdict.WARN, slip, f"mend it in {settings.config_dir / 'config.toml'}"))
        # Told already; `run` would tell it to standard error.
        tell_slips(ctx, settings, lambda slip: None)
        run(ctx, lambda container: _look(container, tell))
    failures = sum(finding.verdict is Verdict.FAIL for finding in found)
    if as_json:
        show_json({"ok": not failures, "checks": [_shape(finding) for finding in found]})
    else:
        show(_summary(failures, sum(finding.verdict is Verdict.WARN for finding in found)))
    return exit_codes.FOUND if failures else exit_codes.DONE


def _slips(settings: Settings) -> list[str]:
    """What is set and cannot be used; the app would tell it, too."""
    if settings.theme == TABLE["theme"].default and not settings.keys:
        return list(settings.warnings)
    # The app's themes and keys take Textual to know.
    from app.tui.settings_warnings import settings_warnings

    return list(settings_warnings(settings))


async def _look(container: Container, tell: Callable[[Finding], None]) -> None:
    async for finding in container.doctor.do():
        tell(finding)


def _line(finding: Finding) -> str:
    glyph, colour = _GLYPHS[finding.verdict]
    took = paint(f"  {finding.seconds:.2f} s", DIM) if finding.seconds is not None else ""
    first = f"{paint(glyph, colour)} {finding.check:<12} {_safe(finding.detail)}{took}"
    return f"{first}\n{'':15}→ {_safe(finding.fix)}" if finding.fix else first


def _safe(text: str) -> str:
    return clean(debug.mask(text))


def _shape(finding: Finding) -> dict[str, object]:
    return {
        "check": finding.check,
        "verdict": finding.verdict.value,
        "detail": _safe(finding.detail),
        "fix": _safe(finding.fix) or None,
        "seconds": round(finding.seconds, 3) if finding.seconds is not None else None,
    }


def _summary(failures: int, warnings: int) -> str:
    if not failures and not warnings:
        return "Everything is as it should be."
    counts = [plural(failures, "problem")] * bool(failures) + [plural(warnings, "warning")] * bool(warnings)
    return f"{' and '.join(counts)}."
