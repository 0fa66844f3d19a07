"""What a check found."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """Something that should hold and does not; `invariant` is its number in ARCHITECTURE.md, "Nothing lost"."""

    invariant: str
    what: str
    advice: str

    def __str__(self) -> str:
        return f"{self.invariant} {self.what}. {self.advice}"
