"""What a form carries so that an old one is known."""

from haulout.web.here import here


def sealed(*what: object) -> str:
    """Return what a form carries to show that it was made here, and that it speaks of just this."""
    return here().services.sealed("form:" + ":".join(str(one) for one in what))
