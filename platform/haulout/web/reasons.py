"""Says in the reader's language why somebody is suspected; the database keeps the sentence in English."""

import re

from flask import Flask

from haulout.web.here import language
from haulout.web.wording import N_

SENTENCES = (
    N_("answered %(bad)s of %(judged)s tiles in %(did)s s in all, for work that takes at least %(compared)s s"),
    N_("gave %(did)s boxes on %(bad)s of %(judged)s tiles where others give %(compared)s and confirm few of them"),
    N_("marked nothing on %(bad)s of %(judged)s tiles where others agree on animals, %(compared)s in all"),
    N_(
        "left all %(did)s machine boxes untouched on %(bad)s of %(judged)s tiles to correct; "
        "others make %(compared)s corrections there"
    ),
    N_("nobody else confirms %(did)s of %(compared)s boxes on %(bad)s of %(judged)s tiles"),
)
"""The sentences of `active_learning.suspicion`; a test says when one there reads differently."""

_BLANK = re.compile(r"%\\\((\w+)\\\)s")
_PATTERNS = {sentence: re.compile(_BLANK.sub(r"(?P<\1>\\d+)", re.escape(sentence))) for sentence in SENTENCES}


def say_reason(stored: str) -> str:
    """Return the sentence in the reader's language; one that is not known is given as it is stored."""
    for sentence, pattern in _PATTERNS.items():
        if found := pattern.fullmatch(stored):
            return language().gettext(sentence) % found.groupdict()
    return stored


def teach(app: Flask) -> None:
    """Let templates say the reasons."""
    app.jinja_env.globals.update(say_reason=say_reason)
