"""Says whether the pages and the database behind them work, for whatever supervises them."""

from flask import Blueprint, Response, jsonify
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import select

from haulout.db import reading
from haulout.web.here import here

blueprint = Blueprint("health", __name__)


@blueprint.get("/health")
def health() -> tuple[Response, int]:
    """Answer 200 when the database answers, else 503."""
    try:
        with reading(here().services.database) as session:
            session.exec(select(1)).one()
    except SQLAlchemyError:
        return jsonify(status="down", database="does not answer"), 503
    return jsonify(status="up", database="answers"), 200
