"""What goes to Label Studio and what comes back, in words of our own; `result` stays in Label Studio's form."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

Result = Sequence[Mapping[str, Any]]
"""The regions of one answer or prediction; `labeling_configs` reads and writes them."""


@dataclass(frozen=True)
class NewTask:
    """A task to ask; `data["key"]` names it for ever, and a higher `priority` is asked sooner."""

    data: Mapping[str, Any]
    result: Result
    priority: float
    model_version: str
    overlap: int = 1
    meta: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class RawAnswer:
    """One person's answer as stored in Label Studio; times are UTC without zone, `seconds` 0.0 when unknown."""

    annotation: int
    task: int
    key: str
    user: int
    created_at: datetime
    updated_at: datetime
    skipped: bool
    seconds: float
    result: list[dict[str, Any]]
    model_version: str
    """The version whose prediction the person started from; empty when from nothing or when it was deleted since."""


@dataclass(frozen=True)
class SweptTask:
    """A task that exists, its key (empty if it is none of ours), and the answers on it that exist."""

    id: int
    key: str
    answers: frozenset[int]


@dataclass(frozen=True)
class Person:
    """A user of Label Studio."""

    id: int
    email: str
    first_name: str


@dataclass(frozen=True)
class PersonAccess:
    """What a program needs to act as one person."""

    user_id: int
    api_key: str


@dataclass(frozen=True)
class ServedTask:
    """The task that a person is asked now, with the prediction they start from."""

    id: int
    key: str
    data: dict[str, Any]
    result: list[dict[str, Any]]
    model_version: str
    prediction: int | None
