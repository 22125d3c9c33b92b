"""Settings that cannot be used: shown when the app opens, and by `loopin doctor`."""

from collections.abc import Iterator

from app.settings import Settings
from app.tui import themes
from app.tui.commands.bindings import keymap
from widgets.presenter import clean


def settings_warnings(settings: Settings) -> Iterator[str]:
    """One sentence each."""
    yield from settings.warnings
    if settings.theme not in themes.names():
        yield f"there is no theme called {clean(settings.theme, 40)}"
    for problem in keymap(settings.keys)[1]:
        yield f"{problem}; the default keys are in use until it is mended in config.toml"
