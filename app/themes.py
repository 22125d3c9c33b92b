"""The two looks that Loopin brings: calm surfaces, one accent, state colours that read on both."""

from textual.theme import Theme

DARK = Theme(
    name="loopin-dark",
    primary="#7aa2f7",
    secondary="#9d7cd8",
    accent="#7dcfff",
    warning="#e0af68",
    error="#f7768e",
    success="#9ece6a",
    foreground="#d5d9ea",
    background="#16171f",
    surface="#1c1e29",
    panel="#262937",
    dark=True,
    variables={
        "block-cursor-background": "#3d59a1",
        "block-cursor-foreground": "#ffffff",
        "border": "#5d6b9c",
        "border-blurred": "#363b54",
        "input-selection-background": "#7aa2f7 35%",
        "text-muted": "#99a1c2",
        "text-disabled": "#6b7394",
        "scrollbar": "#363b54",
        "scrollbar-background": "#1c1e29",
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
    background="#f4f5f8",
    surface="#ffffff",
    panel="#e3e6ee",
    dark=False,
    variables={
        "block-cursor-background": "#2e5cb8",
        "block-cursor-foreground": "#ffffff",
        "border": "#8d9bbd",
        "border-blurred": "#c5cbdc",
        "input-selection-background": "#2e5cb8 25%",
        "text-muted": "#565f7e",
        "text-disabled": "#7e86a0",
        "scrollbar": "#c5cbdc",
        "scrollbar-background": "#f4f5f8",
        "footer-key-foreground": "#006a83",
    },
)
THEMES = (DARK, LIGHT)
