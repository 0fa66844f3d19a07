"""Which detector's boxes the pages show."""

from sqlmodel import Session, col, select

from haulout.tables import ModelRow, ProposalRow


def shown_detector(session: Session) -> str | None:
    """Return the detector whose boxes are shown: the serving one, else the one that looked last."""
    serving = select(ModelRow.version).where(ModelRow.kind == "detector", ModelRow.state == "serving")
    newest = select(ProposalRow.model).order_by(col(ProposalRow.made_at).desc()).limit(1)
    return session.exec(serving).first() or session.exec(newest).first()
