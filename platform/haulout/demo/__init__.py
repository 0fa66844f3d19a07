"""A season from memory card to report, played through the real services with simulated people, or your own photos."""

from pathlib import Path

from sqlmodel import func, select

from haulout.accounts.managing import reached_at
from haulout.db import reading
from haulout.demo.people import experts_answer, volunteers_answer
from haulout.errors import LeaseTaken
from haulout.ingest import ingest, told_of
from haulout.loop import listen, run_week, summary
from haulout.services import Services, Tell
from haulout.simulation.season import DEMO_SEASON, SeasonPlan, write_season
from haulout.simulation.truth import Truth, read_truth
from haulout.tables import ModelRow, RunRow, TaskRow
from labeling_configs.vocabulary import Question

TURNS = 2

DEFAULTS = {
    "HAULOUT_SITE": "Virtual beach",
    "HAULOUT_BATCH_SIZE": "40",
    "HAULOUT_EXAM_SHARE": "0.25",
    "HAULOUT_PAIRS_PER_RUN": "80",
    "HAULOUT_DETECTOR_MINUTES": "3",
    "HAULOUT_REIDENTIFIER_MINUTES": "1",
    "HAULOUT_EXPERIMENT_MINUTES": "0.3",
}
"""Settings that bring two turns of the loop into a coffee break; variables that are set win."""


def play_season(services: Services, tell: Tell, plan: SeasonPlan = DEMO_SEASON) -> list[str]:
    """Take a drawn season through two turns of the loop; return the lines of a summary, every figure from the database.

    A second call goes on where an earlier one stopped: what is done is not done again.
    """
    truth = _season(services, plan, tell)
    if not _runs_done(services):
        run_week(services, tell)
    while _runs_done(services) <= TURNS:
        while volunteers_answer(services, truth, tell):  # taking answers in may ask one more person
            listen_patiently(services, tell)
        experts_answer(services, truth, tell)
        run_week(services, tell)
    return _summary(services)


def show_photos(services: Services, folder: Path, tell: Tell) -> list[str]:
    """Take photos of the user's own up to the point where people are needed; return the lines that say what to do."""
    read = ingest(services, folder, None, tell)
    if not _runs_done(services):
        run_week(services, tell)
    lines = told_of(read)
    with reading(services.database) as session:
        waiting = session.exec(select(func.count()).select_from(TaskRow).where(TaskRow.state == "open")).one()
    return [*lines, f"{waiting} tasks wait for people. Come in by the link below and begin: {_desk(services)}"]


def listen_patiently(services: Services, tell: Tell) -> None:
    """Take in answers; the worker may be doing the same just now."""
    for left in reversed(range(60)):
        try:
            listen(services, tell)
            return
        except LeaseTaken:
            if not left:
                raise
            services.sleep(2)


def _season(services: Services, plan: SeasonPlan, tell: Tell) -> Truth:
    folder = services.settings.home / "season"
    if not (folder / "truth.json").exists():
        write_season(folder, plan, lambda done, total: tell("Drawing a season of photos", done, total))
    ingest(services, folder / "photos", services.settings.site, tell)
    return read_truth(folder / "truth.json")


def _runs_done(services: Services) -> int:
    with reading(services.database) as session:
        return len(session.exec(select(RunRow.id).where(RunRow.state == "done")).all())


def _summary(services: Services) -> list[str]:
    with reading(services.database) as session:
        counts = summary(session)
        models = list(session.exec(select(ModelRow).order_by(ModelRow.version)))
    lines = ["", "What happened, as the database tells it:"]
    lines += [f"  {name.replace('_', ' ')}: {value}" for name, value in counts.items() if name != "serving"]
    lines += [f"  {_exam_line(model)}" for model in models]
    lines += ["", "Come in by the link below and answer yourself:"]
    lines += [f"  boxes: {_desk(services)}", f"  pairs of animals: {_desk(services, Question.PAIR)}"]
    return lines


def _exam_line(model: ModelRow) -> str:
    figure, name = ("ap50", "AP50") if model.kind == "detector" else ("rank1", "rank-1")
    score, champion = model.exam.get(figure), model.exam.get(f"champion_{figure}")
    if score is None:
        return f"{model.version}: {model.state}, not examined"
    return f"{model.version}: {model.state}, {name} {score:.3f} (before: {champion:.3f}, {model.exam['champion']})"


def _desk(services: Services, question: Question = Question.BOXES) -> str:
    return f"{reached_at(services.settings)}/desk?question={question.value}"
