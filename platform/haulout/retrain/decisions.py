"""What becomes of a trained model: promoted, refused, or rolled back; every decision is written down."""

import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from haulout.db import reading, writing
from haulout.errors import BrokenModel, HauloutError
from haulout.room import naming_the_disk
from haulout.services import Services
from haulout.tables import DecisionRow, ExaminedRow, ModelRow
from haulout_models.checkpoints import BrokenCheckpoint
from haulout_models.origin import code_version
from labeling_configs.vocabulary import ModelCard, ModelVersion

if TYPE_CHECKING:
    from torch import Tensor


log = logging.getLogger(__name__)
EXAM = "exam"
"""Who decides, when no person does."""


class NoSuchModel(HauloutError):
    """There is no model of that name, or none to go back to."""


@dataclass(frozen=True)
class Exam:
    """The scores of an exam, and whether the candidate may serve."""

    scores: dict[str, Any]
    passed: bool
    reason: str


def trained_on(services: Services, kind: str, lesson: str) -> str | None:
    """Return the model that learned just this and was examined: nothing is learned twice."""
    row = _learned(services, kind, lesson)
    return row.version if row and row.state != "candidate" else None


def waiting(services: Services, kind: str, lesson: str) -> ModelVersion | None:
    """Return the model that learned just this and was not examined yet, as when a power cut came before its exam."""
    row = _learned(services, kind, lesson)
    if row is None:
        return _adopt(services, kind, lesson)
    return ModelVersion(row.version) if row.state == "candidate" else None


def keep(services: Services, card: ModelCard, tensors: Mapping[str, "Tensor"], run: int | None) -> ModelVersion:
    """Store a trained network as a candidate under the next free version, whatever its card says; return that.

    What learned the same before wins: its version is returned, and nothing is stored. The weights are whole on disk
    before the database names them; who dies in between leaves a folder that `waiting` takes up.
    """
    if (lesson := _lesson(card)) and (known := _learned(services, card.kind, lesson)):
        return ModelVersion(known.version)
    card = replace(card, version=services.registry.next_version(card.kind), code=code_version())
    with naming_the_disk(services.weights):
        stored = services.registry.save(card, tensors)
    return _written_down(services, card, stored.sha256, run)


def _adopt(services: Services, kind: str, lesson: str) -> ModelVersion | None:
    """Take up weights that were stored when their training was killed, before the database could name them."""
    with reading(services.database) as session:
        named = set(session.exec(select(ModelRow.version).where(ModelRow.kind == kind)))
    for version in services.registry.versions(kind):
        if version not in named and (found := _whole(services, version)) and _lesson(found[0]) == lesson:
            return _written_down(services, *found, None)
    return None


def _whole(services: Services, version: ModelVersion) -> tuple[ModelCard, str] | None:
    try:
        services.registry.verify(version)
        return services.registry.stored(version)
    except BrokenCheckpoint:
        return None


def _written_down(services: Services, card: ModelCard, sha256: str, run: int | None) -> ModelVersion:
    """Name stored weights in the database; whoever learned the same at the same time and was quicker wins."""
    lesson = _lesson(card)
    row = ModelRow(
        version=card.version,
        kind=card.kind,
        sha256=sha256,
        lesson=lesson,
        run=run,
        card=asdict(card),
        created_at=services.now(),
    )
    try:
        with writing(services.database) as session:
            session.add(row)
    except IntegrityError:
        known = _learned(services, card.kind, lesson) if lesson else None
        if known is None:
            raise
        log.warning("%s learned the same as %s and is not used; its folder may be deleted", card.version, known.version)
        return ModelVersion(known.version)
    return ModelVersion(card.version)


def _lesson(card: ModelCard) -> str | None:
    """Return the SHA-256 of what a network learned from, and how, where its card tells."""
    told = card.data.get("digest")
    return str(told) if told else None


def _learned(services: Services, kind: str, lesson: str) -> ModelRow | None:
    mine = select(ModelRow).where(ModelRow.kind == kind).order_by(col(ModelRow.version).desc())
    with reading(services.database) as session:
        if row := session.exec(mine.where(ModelRow.lesson == lesson)).first():
            return row
        # Models that are older than this column tell it in their card alone.
        older = session.exec(mine.where(col(ModelRow.lesson).is_(None))).all()
    return next((row for row in older if row.card.get("data", {}).get("digest") == lesson), None)


def decide(services: Services, version: str, exam: Exam, examined: Sequence[ExaminedRow] = ()) -> bool:
    """Store a candidate's exam, with what it drew there, and promote or refuse it; return whether it serves now."""
    scores = _storable(exam.scores)
    services.registry.keep_exam(ModelVersion(version), scores)
    with writing(services.database) as session:
        model = _model(session, version)
        model.exam = scores
        session.add(model)
        for row in examined:
            session.merge(row)
        if exam.passed:
            _serve(services, session, model, "promoted", exam.reason, EXAM)
        else:
            model.state = "refused"
            session.add(_decision(services, model, "refused", exam.reason, EXAM, None))
    return exam.passed


def promote(services: Services, version: str, by: str, reason: str) -> None:
    """Let a model serve on a person's word, whatever its exam said; BrokenModel when it could not be loaded."""
    with writing(services.database) as session:
        model = _model(session, version)
        if model.state == "serving":
            raise NoSuchModel(f"{version} serves already.")
        _verify(services, model)
        _serve(services, session, model, "promoted", reason, by)


def rollback(services: Services, kind: str, by: str) -> str:
    """Let the model serve again that served before the present one; return its version."""
    with writing(services.database) as session:
        current = _serving(session, kind)
        if current is None:
            raise NoSuchModel(f"No {kind} was ever promoted, so there is nothing to go back from.")
        promoted = select(DecisionRow).where(DecisionRow.version == current.version, DecisionRow.decision == "promoted")
        latest = session.exec(promoted.order_by(col(DecisionRow.id).desc())).first()
        if latest is None or latest.replaced is None:
            raise NoSuchModel(f"{current.version} is the first {kind} that served; see `haulout status`.")
        model = _model(session, latest.replaced)
        _verify(services, model)
        _serve(services, session, model, "rolled back", f"instead of {current.version}", by)
        return model.version


def _verify(services: Services, model: ModelRow) -> None:
    """Nothing may serve whose weights are not those that were examined: the next run could not look at a photo."""
    try:
        services.registry.verify(ModelVersion(model.version), model.sha256)
    except BrokenCheckpoint as error:
        raise BrokenModel(f"{model.version} cannot serve: {error}. `haulout promote VERSION` takes another.") from error


def _serve(services: Services, session: Session, model: ModelRow, decision: str, reason: str, by: str) -> None:
    current = _serving(session, model.kind)
    if current is not None:
        current.state = "retired"
        session.add(current)
    model.state = "serving"
    session.add(model)
    session.add(_decision(services, model, decision, reason, by, current.version if current else None))


def _decision(
    services: Services, model: ModelRow, decision: str, reason: str, by: str, replaced: str | None
) -> DecisionRow:
    return DecisionRow(
        kind=model.kind,
        version=model.version,
        decision=decision,
        reason=reason,
        replaced=replaced,
        by=by,
        at=services.now(),
    )


def _storable(score: Any) -> Any:
    """JSON knows no infinity, and PostgreSQL refuses it: what cannot be measured is null."""
    if isinstance(score, Mapping):
        return {name: _storable(one) for name, one in score.items()}
    if isinstance(score, list | tuple):
        return [_storable(one) for one in score]
    return None if isinstance(score, float) and not math.isfinite(score) else score


def _serving(session: Session, kind: str) -> ModelRow | None:
    return session.exec(select(ModelRow).where(ModelRow.kind == kind, ModelRow.state == "serving")).first()


def _model(session: Session, version: str) -> ModelRow:
    model = session.get(ModelRow, version)
    if model is None:
        known = ", ".join(session.exec(select(ModelRow.version).order_by(ModelRow.version))) or "none yet"
        raise NoSuchModel(f"There is no model {version!r}. Known: {known}.")
    return model
