"""`loopin doctor`: what on this machine would keep a sign-in from working."""

import os
from collections.abc import Callable

import click

from app.bootstrap import Container
from app.cli import debug, exit_codes
from app.cli.groups import Leaf
from app.cli.options import chainloop_options
from app.cli.output import DIM, GREEN, RED, YELLOW, paint, show, show_json
from app.cli.runtime import invocation, run
from app.domain import secret
from app.domain.doctor import Finding, Verdict
from app.domain.errors import UsageError
from app.domain.text import clean, plural
from app.settings import TABLE, Settings

_GLYPHS = {Verdict.PASS: ("✓", GREEN), Verdict.WARN: ("!", YELLOW), Verdict.FAIL: ("✗", RED)}


@click.command("doctor", cls=Leaf, shared=chainloop_options())
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def doctor(ctx: click.Context, as_json: bool) -> int:
    """Check keychain, browser, port, servers, clock, environment and terminal, and say what to mend.

    Sends no credential and shows none: the output can go into a bug report as it is. Exits with 7 when a
    check fails.
    """
    findings: list[Finding] = []

    def report(finding: Finding) -> None:
        findings.append(finding)
        if not as_json:
            show(_line(finding))

    # The log forgets what it hides when the command ends, so what must not show is named here too.
    for name in secret.VARIABLES:
        debug.hide(os.environ.get(name, ""))
    try:
        # What is wrong with the settings is a finding here, and no warning on standard error.
        settings = invocation(ctx).open(ctx, warn=False).settings
    except UsageError as error:
        report(Finding("settings", Verdict.FAIL, error.message, error.hint))
    else:
        for problem in _unusable_settings(settings):
            fix = f"mend it in {settings.config_dir / 'config.toml'}"
            report(Finding("settings", Verdict.WARN, problem, fix))
        run(ctx, lambda container: _check(container, report))
    failures = sum(finding.verdict is Verdict.FAIL for finding in findings)
    if as_json:
        show_json({"ok": not failures, "checks": [_to_json(finding) for finding in findings]})
    else:
        show(_summary(failures, sum(finding.verdict is Verdict.WARN for finding in findings)))
    return exit_codes.FOUND if failures else exit_codes.DONE


def _unusable_settings(settings: Settings) -> list[str]:
    """What is set and cannot be used; the app would tell it, too."""
    if settings.theme == TABLE["theme"].default and not settings.keys:
        return list(settings.warnings)
    # The app's themes and keys take Textual to know.
    from app.tui.settings_warnings import settings_warnings

    return list(settings_warnings(settings))


async def _check(container: Container, report: Callable[[Finding], None]) -> None:
    async for finding in container.doctor.run_checks():
        report(finding)


def _line(finding: Finding) -> str:
    glyph, colour = _GLYPHS[finding.verdict]
    took = paint(f"  {finding.seconds:.2f} s", DIM) if finding.seconds is not None else ""
    first = f"{paint(glyph, colour)} {finding.check:<12} {_masked(finding.detail)}{took}"
    return f"{first}\n{'':15}→ {_masked(finding.fix)}" if finding.fix else first


def _masked(text: str) -> str:
    return clean(debug.mask(text))


def _to_json(finding: Finding) -> dict[str, object]:
    return {
        "check": finding.check,
        "verdict": finding.verdict.value,
        "detail": _masked(finding.detail),
        "fix": _masked(finding.fix) or None,
        "seconds": round(finding.seconds, 3) if finding.seconds is not None else None,
    }


def _summary(failures: int, warnings: int) -> str:
    if not failures and not warnings:
        return "Everything is as it should be."
    counts = [plural(failures, "problem")] * bool(failures) + [plural(warnings, "warning")] * bool(warnings)
    return f"{' and '.join(counts)}."
