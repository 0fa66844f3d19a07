"""One address of the interface: what it wants, what it answers, and who may ask; all else is made from this."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from pydantic import BaseModel
from sqlmodel import Session

from haulout.services import Services
from haulout.tokens import Scope
from haulout.web.api.problems import absent

Query = TypeVar("Query", bound=BaseModel)
LARGEST = 2**31 - 1
"""No number of a row is larger."""


@dataclass(frozen=True)
class Asked(Generic[Query]):
    """One request, checked."""

    session: Session
    services: Services
    scopes: frozenset[Scope]
    query: Query
    names: Mapping[str, str]
    """What stands in the address, by name."""
    path: str
    given: Mapping[str, str]
    """The parameters as they were given."""

    def may(self, scope: Scope) -> bool:
        """Whether the asker's token has the scope."""
        return scope in self.scopes

    def number(self, name: str) -> int:
        """Return the number in the address; the request is broken off when there is none."""
        text = self.names[name]
        if not (text.isascii() and text.isdigit() and len(text) <= len(str(LARGEST)) and int(text) <= LARGEST):
            absent(f"{name} {text!r}")
        return int(text)


@dataclass(frozen=True)
class Endpoint(Generic[Query]):
    """An address below /api/v1, as both its route and its description need it."""

    name: str
    path: str
    """With the names in it in braces."""
    summary: str
    scope: Scope | None
    """What a token must open; None answers everybody."""
    query: type[Query]
    answer: type[BaseModel]
    read: Callable[[Asked[Query]], BaseModel]
    names: Mapping[str, str] = field(default_factory=dict)
    """What each name in the address is."""
    more: Mapping[Scope, str] = field(default_factory=dict)
    """What other scopes add to the answer."""
    example: Mapping[str, str] = field(default_factory=dict)
    """Parameters that show what can be asked."""


AnyEndpoint = Endpoint[Any]
