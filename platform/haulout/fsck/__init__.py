"""Is everything that must always hold true now? Reads only, on a live system, and says what to do about the rest."""

from collections.abc import Callable, Iterator
from itertools import groupby

from haulout.db import writing
from haulout.fsck import catalogue, files, models, receipts, records, votes
from haulout.fsck.finding import Finding
from haulout.services import Services, Tell, silently
from haulout.tables import FsckRow

__all__ = ["Finding", "fsck"]

Check = Callable[[Services], Iterator[Finding]]

CHECKS: tuple[tuple[str, Check], ...] = (
    ("the database itself", records.database),
    ("the log's chain", records.chain),
    ("the log against the rows", records.replayed),
    ("the log's files", records.shipped),
    ("the networks", models.weights),
    ("the consensus", votes.consensus),
    ("who is who", catalogue.sightings),
    ("the photos' files", files.pictures),
    ("what must stay private", files.places),
    ("every receipt", receipts.orphans),
)
WITH_LABEL_STUDIO: tuple[tuple[str, Check], ...] = (
    ("every answer", votes.answers),
    ("every task", votes.tasks),
)
MOST = 20
"""Findings of one check against one invariant that are told one by one."""


def fsck(services: Services, tell: Tell = silently, *, label_studio: bool = True, deep: bool = False) -> list[Finding]:
    """Check all invariants and note the outcome; return what does not hold, nothing when everything does.

    Without Label Studio what it holds is not compared; `deep` also hashes every photo and rebuilds the votes from Label
    Studio alone.
    """
    checks = [*CHECKS, *WITH_LABEL_STUDIO * label_studio]
    checks += [("every byte of the photos", files.hashes)] * deep
    checks += [("Label Studio alone", votes.from_label_studio)] * (deep and label_studio)
    began, findings = services.now(), list[Finding]()
    for done, (name, check) in enumerate(checks):
        tell(f"Checking {name}", done, len(checks))
        for kind, group in groupby(sorted(check(services), key=_kind), key=_kind):
            found = list(group)
            findings += found[:MOST]
            if len(found) > MOST:
                findings.append(Finding(kind, f"and {len(found) - MOST} more of this kind", found[0].advice))
    _note(services, findings, (services.now() - began).total_seconds())
    return findings


def _kind(finding: Finding) -> str:
    return finding.invariant


def _note(services: Services, findings: list[Finding], seconds: float) -> None:
    rows = [[one.invariant, one.what, one.advice] for one in findings]
    with writing(services.database) as session:
        session.add(FsckRow(at=services.now(), clean=not findings, findings=rows, seconds=seconds))
