"""How many connections this process may hold: each takes a file descriptor, and so does the database."""

import sys

WANTED = 8192
_USUAL = 1024


def ask_for_more() -> None:
    """Raise the soft limit, up to what the system allows us."""
    if sys.platform == "win32":
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = WANTED if hard == resource.RLIM_INFINITY else min(WANTED, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def half() -> int:
    """Half of them: what one listener may take, so that the other and the database go on."""
    if sys.platform == "win32":
        return _USUAL // 2
    import resource

    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return (WANTED if soft == resource.RLIM_INFINITY else soft) // 2
