"""One class a screen, with what a person can see and do there: a test of the screen reads like a manual.

`async with opened(TokensPage, app) as tokens:` runs the app; `await tokens.filter("idle > 90d")` types.
Waiting is for something that can be seen, never for a time.
"""
