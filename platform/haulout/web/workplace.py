"""The page on which people answer: the question on top, the picture as large as the window allows."""

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from haulout.accounts import Asker, Role
from haulout.db import reading
from haulout.identify.disputed import count_disputes
from haulout.web import editor
from haulout.web.asking import asker
from haulout.web.headers import allow
from haulout.web.here import here, language
from haulout.web.questions import advice_for, title_for
from labeling_configs.vocabulary import FOR_EXPERTS, Question

THE_EDITORS = {"style-src": "'unsafe-inline'", "img-src": "data: blob:"}
"""What Label Studio's editor needs beside our own pages: styles that it writes, and pictures that it has loaded."""


def widen(blueprint: Blueprint) -> None:
    """Let the blueprint's pages hold the editor."""
    allow(blueprint, THE_EDITORS)


def desk_page() -> str | Response:
    """Show the desk; a volunteer who has not seen the first three pictures sees these first."""
    who = asker()
    if who.role is Role.VOLUNTEER and not who.taught:
        return redirect(url_for("tutorial.page"))
    question, code = _wanted(who), language().code
    with reading(here().services.database) as session:
        disputes = count_disputes(session) if who.rank >= Role.EXPERT.rank else 0
    return render_template(
        "desk.html",
        question=question.value,
        person=who.account,
        title=title_for(question, code),
        advice=advice_for(question, code),
        questions=[(one.value, title_for(one, code)) for one in _asked_of(who)],
        editor=editor.address(),
        disputes=disputes,
    )


def _wanted(who: Asker) -> Question:
    asked = _asked_of(who)
    return next((one for one in asked if one.value == request.args.get("question")), asked[0])


def _asked_of(who: Asker) -> tuple[Question, ...]:
    return (Question.BOXES, *FOR_EXPERTS) if who.rank >= Role.EXPERT.rank else (Question.BOXES,)
