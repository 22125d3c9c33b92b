"""Sign-in through the team's own identity provider (OpenID Connect Core 1.0 §3.1)."""
