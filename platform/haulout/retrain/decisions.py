"""What becomes of a trained model: promoted, refused, or rolled back; every decision is written down."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from sqlmodel import Session, col, select

from haulout.db import reading, writing
from haulout.errors import HauloutError
from haulout.services import Services
from haulout.tables import DecisionRow, ModelRow
from labeling_configs.vocabulary import ModelCard, ModelVersion

if TYPE_CHECKING:
    from torch import Tensor


class NoSuchModel(HauloutError):
    """There is no model of that name, or none to go back to."""


@dataclass(frozen=True)
class Exam:
    """The scores of an exam, and whether the candidate may serve."""

    scores: dict[str, Any]
    passed: bool
    reason: str


def trained_on(services: Services, kind: str, digest: str) -> str | None:
    """Return the newest model of this kind when it was trained on just this, and examined."""
    with reading(services.database) as session:
        newest = select(ModelRow).where(ModelRow.kind == kind).order_by(col(ModelRow.version).desc())
        row = session.exec(newest).first()
    return row.version if row and row.state != "candidate" and row.card["data"].get("digest") == digest else None


def keep(services: Services, card: ModelCard, tensors: Mapping[str, "Tensor"], run: int | None) -> ModelVersion:
    """Store a trained network as a candidate under the next free version, whatever its card says; return that."""
    card = replace(card, version=services.registry.next_version(card.kind))
    stored = services.registry.save(card, tensors)
    row = ModelRow(
        version=stored.version,
        kind=card.kind,
        sha256=stored.sha256,
        run=run,
        card=asdict(card),
        created_at=services.now(),
    )
    with writing(services.database) as session:
        session.add(row)
    return stored.version


def decide(services: Services, version: str, exam: Exam, by: str = "exam") -> bool:
    """Store a candidate's exam and promote or refuse it; return whether it serves now."""
    with writing(services.database) as session:
        model = _model(session, version)
        model.exam = {name: _storable(score) for name, score in exam.scores.items()}
        session.add(model)
        if exam.passed:
            _serve(services, session, model, "promoted", exam.reason, by)
        else:
            model.state = "refused"
            session.add(_decision(services, model, "refused", exam.reason, by, None))
    return exam.passed


def promote(services: Services, version: str, by: str, reason: str) -> None:
    """Let a model serve on a person's word, whatever its exam said."""
    with writing(services.database) as session:
        model = _model(session, version)
        if model.state == "serving":
            raise NoSuchModel(f"{version} serves already.")
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
        _serve(services, session, model, "rolled back", f"instead of {current.version}", by)
        return model.version


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
    if isinstance(score, list):
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
