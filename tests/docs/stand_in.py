"""A browser for a child process: signs the sample owner in on the server's real pages, and allows.

Run as $BROWSER; the address comes last. SAMPLE_SERVER, SAMPLE_EMAIL and SAMPLE_PASSWORD say where and who.
"""

import os
import sys
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import httpx

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.support.oauth import Person
from tests.support.server import submit_login


def main() -> None:
    """Visit the page; the answer's redirect leads back to the program."""
    url = urlsplit(sys.argv[-1])
    params = dict(parse_qsl(url.query))
    who = os.environ["SAMPLE_EMAIL"], os.environ["SAMPLE_PASSWORD"]
    with httpx.Client(base_url=os.environ["SAMPLE_SERVER"], trust_env=False) as client:
        if url.path.startswith("/oauth/"):
            person = Person(client)
            person.sign_in(*who)
            answer = person.decide(params, "allow")
        else:
            answer = submit_login(client, *who, callback=params["callback"])
    with httpx.Client(trust_env=False, follow_redirects=True) as browser:
        browser.get(answer.headers["location"])


if __name__ == "__main__":
    # In a process of its own: whoever opens a browser does not wait for the person.
    if os.fork() == 0:
        os.setsid()
        main()
