"""The looks that Loopin brings: calm surfaces, one accent, state colours that read on dark and on light."""

from textual.theme import Theme

# Grounds and quiet text are all but grey: in a terminal of 256 colours, as most have inside tmux, Rich and
# Textual keep only such colours grey. A dark blue would become pure black, or the bright blue of a test card.

DARK = Theme(
    name="loopin-dark",
    primary="#7aa2f7",
    secondary="#9d7cd8",
    accent="#7dcfff",
    warning="#e0af68",
    error="#f7768e",
    success="#9ece6a",
    foreground="#d5d9ea",
    background="#17181d",
    surface="#212228",
    panel="#2c2e37",
    dark=True,
    variables={
        "block-cursor-background": "#3d59a1",
        "block-cursor-foreground": "#ffffff",
        "border": "#5d6b9c",
        "border-blurred": "#42454f",
        "input-selection-background": "#7aa2f7 35%",
        "text-muted": "#a4a8b9",
        "text-disabled": "#7a7e8e",
        "scrollbar": "#42454f",
        "scrollbar-background": "#212228",
        "footer-key-foreground": "#7dcfff",
    },
)

LIGHT = Theme(
    name="loopin-light",
    primary="#2e5cb8",
    secondary="#7847bd",
    accent="#006a83",
    warning="#8a5a00",
    error="#b3264a",
    success="#3f6b1a",
    foreground="#1f2335",
    background="#f5f5f7",
    surface="#ffffff",
    panel="#e6e7ea",
    dark=False,
    variables={
        "block-cursor-background": "#2e5cb8",
        "block-cursor-foreground": "#ffffff",
        "border": "#8d9bbd",
        "border-blurred": "#cdd0d6",
        "input-selection-background": "#2e5cb8 25%",
        "text-muted": "#5c6070",
        "text-disabled": "#7f8492",
        "scrollbar": "#cdd0d6",
        "scrollbar-background": "#f5f5f7",
        "footer-key-foreground": "#006a83",
    },
)

ANSI = Theme(
    name="loopin-ansi",
    ansi=True,
    primary="ansi_blue",
    secondary="ansi_magenta",
    accent="ansi_cyan",
    warning="ansi_yellow",
    error="ansi_red",
    success="ansi_green",
    foreground="ansi_default",
    background="ansi_default",
    surface="ansi_default",
    panel="ansi_default",
    boost="ansi_default",
    dark=True,
    variables={
        "ansi-background": "ansi_black",
        "ansi-foreground": "ansi_white",
        "block-cursor-background": "ansi_blue",
        "block-cursor-foreground": "ansi_bright_white",
        "border": "ansi_blue",
        "border-blurred": "ansi_bright_black",
        "input-cursor-background": "ansi_bright_white",
        "input-cursor-foreground": "ansi_black",
        "input-selection-background": "ansi_cyan",
        "input-selection-foreground": "ansi_black",
        "screen-selection-background": "ansi_cyan",
        "screen-selection-foreground": "ansi_black",
        "text-muted": "ansi_default",
        "text-disabled": "ansi_bright_black",
        "scrollbar": "ansi_bright_black",
        "scrollbar-background": "ansi_default",
        "footer-key-foreground": "ansi_cyan",
    },
)
"""The sixteen colours of the terminal, whatever they are there; no colour of ours."""

THEMES = (DARK, LIGHT, ANSI)


def names() -> frozenset[str]:
    """Every theme there is: Loopin's own and those that Textual brings."""
    from textual.theme import BUILTIN_THEMES

    return frozenset({*BUILTIN_THEMES, *(theme.name for theme in THEMES)})
