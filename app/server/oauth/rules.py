"""The numbers and the scopes, in one place."""

from datetime import timedelta

CODE_LIFE = timedelta(seconds=60)
ACCESS_LIFE = timedelta(hours=1)
REFRESH_LIFE = timedelta(days=90)
# From a person's consent on: no refresh makes a grant live longer.
GRANT_LIFE = timedelta(days=30)
# A client whose answer was lost, or that refreshes twice at the same time, may repeat the old token so long.
REPEAT_WINDOW = timedelta(seconds=10)

ACCESS, REFRESH = "access", "refresh"
API_SCOPE, USERINFO_SCOPE = "gumloop_api", "userinfo"
SCOPES = {
    API_SCOPE: "Use the Gumloop API as you: models, teams and organizations",
    USERINFO_SCOPE: "See your name, e-mail address and user ID",
}
GRANT_TYPES = ("authorization_code", "refresh_token")
RESPONSE_TYPES = ("code",)
AUTH_METHODS = ("none", "client_secret_basic", "client_secret_post")
