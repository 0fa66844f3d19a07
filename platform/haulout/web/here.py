"""What a request needs to know: the services, the bell, the languages, what needs attention."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import cast

from flask import current_app, g

from haulout.localisation import Language
from haulout.services import Services
from haulout.web.watching import Watching


@dataclass(frozen=True)
class Here:
    """What `create_app` was given."""

    services: Services
    ring: Callable[[int], None]
    languages: Mapping[str, Language]
    watching: Watching


def here() -> Here:
    """Return what the application that answers this request was given."""
    return cast(Here, current_app.extensions["haulout"])


def language() -> Language:
    """Return the language of this request."""
    return cast(Language, g.language)
