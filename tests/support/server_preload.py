"""What a server imports, also late: loaded once by the process from which servers are forked."""

from tests.support import passwords

passwords.make_cheap()
