"""The figures behind each check of `haulout.watch`, in words."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from haulout.localisation import Language
from haulout.room import MEGABYTE
from haulout.watch import Check
from haulout.web.here import language
from haulout.web.wording import N_, WORDS

Figures = Mapping[str, object]


def say_figures(check: Check) -> str:
    """Return the figures behind a check, in words."""
    return FIGURES[check.kind](language(), check.figures)


def time_in_words(language: Language, length: timedelta) -> str:
    minutes = max(0, round(length.total_seconds() / 60))
    if minutes < 120:
        return language.ngettext("%(num)s minute", "%(num)s minutes", minutes) % {"num": minutes}
    if minutes < 2 * 24 * 60:
        return language.ngettext("%(num)s hour", "%(num)s hours", minutes // 60) % {"num": minutes // 60}
    days = minutes // (24 * 60)
    return language.ngettext("%(num)s day", "%(num)s days", days) % {"num": days}


def _moment(language: Language, moment: object) -> str:
    if not isinstance(moment, datetime):
        return language.gettext("never")
    return language.gettext("%(moment)s UTC") % {"moment": language.moment(moment)}


def _room(language: Language, figures: Figures) -> str:
    free, total = (float(str(figures[name])) / MEGABYTE for name in ("free", "total"))
    told = language.gettext("%(free)s of %(total)s MB are free on the disk mounted at %(disk)s")
    return told % {"free": language.number(free), "total": language.number(total), "disk": figures["disk"]}


def _last(message: str, name: str) -> Callable[[Language, Figures], str]:
    return lambda language, figures: language.gettext(message) % {"moment": _moment(language, figures[name])}


def _services(language: Language, figures: Figures) -> str:
    names = {"label_studio": "Label Studio", "redis": language.gettext("the queue (Redis)")}
    silent: tuple[str, ...] = figures["down"]  # type: ignore[assignment]
    down = [names.get(one, one) for one in silent]
    if down:
        return language.gettext("no answer from: %(names)s") % {"names": ", ".join(down)}
    return language.gettext("both answer") if figures["services"] else language.gettext("nobody has asked yet")


def _silence(language: Language, figures: Figures) -> str:
    told = language.gettext("answers not read yet: %(unread)s; the last one was stored: %(moment)s")
    waiting = told % {"unread": figures["unread"], "moment": _moment(language, figures["stored_at"])}
    return f"{waiting}. {_meanwhile(language)}" if figures["busy"] else waiting


def _reading(language: Language, figures: Figures) -> str:
    behind = time_in_words(language, timedelta(seconds=float(str(figures["lag"]))))
    told = language.gettext("answers not read yet: %(unread)s; from the oldest to the newest of them: %(time)s")
    return told % {"unread": figures["unread"], "time": behind}


def _meanwhile(language: Language) -> str:
    return language.gettext("A run goes on; it reads answers at its beginning and tells Label Studio at its end.")


def _bell(language: Language, figures: Figures) -> str:
    told = language.gettext("rang last since the pages started: %(moment)s; answers that came without: %(unheard)s")
    return told % {"moment": _moment(language, figures["rang_at"]), "unheard": figures["unheard"]}


def _operations(language: Language, figures: Figures) -> str:
    return language.gettext("operations not confirmed: %(count)s") % {"count": figures["unconfirmed"]}


def _untold(language: Language, figures: Figures) -> str:
    told = language.gettext("tasks to tell of: %(count)s") % {"count": figures["untold"]}
    return f"{told}. {_meanwhile(language)}" if figures["busy"] else told


def _run(language: Language, figures: Figures) -> str:
    if figures["number"] is None:
        return language.gettext("none yet")
    state = language.gettext(WORDS.get(("run", str(figures["state"])), str(figures["state"])))
    if figures["state"] == "running":
        told, moment = language.gettext("run %(number)s: %(state)s, heard of at %(moment)s"), figures["heard_at"]
    else:
        told, moment = language.gettext("run %(number)s: %(state)s, ended at %(moment)s"), figures["finished_at"]
    return told % {"number": figures["number"], "state": state, "moment": _moment(language, moment)}


def _overdue(language: Language, figures: Figures) -> str:
    if figures["due_at"] is None:
        return language.gettext("nothing is due before the first run, which you start")
    return language.gettext("due at %(moment)s") % {"moment": _moment(language, figures["due_at"])}


def _jobs(language: Language, figures: Figures) -> str:
    counted: Mapping[str, int] = figures["jobs"]  # type: ignore[assignment]
    states = [f"{language.gettext(JOB_STATES.get(state, state))}: {number}" for state, number in counted.items()]
    troubled: tuple[tuple[str, str, int], ...] = figures["troubled"]  # type: ignore[assignment]
    named = [
        f"{language.gettext(JOBS.get(kind, kind))}: {language.gettext(TROUBLES[trouble])}, "
        + language.gettext("times begun: %(attempts)s") % {"attempts": attempts}
        for kind, trouble, attempts in troubled[:3]
    ]
    return "; ".join([", ".join(states) or language.gettext("none yet"), *named])


JOBS = {"run": N_("the weekly run"), "backup": N_("the backup"), "fsck": N_("the check")}
TROUBLES = {"failed": N_("failed"), "late": N_("waits for a worker"), "again": N_("begun again")}
JOB_STATES = {"wanted": N_("wanted"), "running": N_("running"), "done": N_("done"), "failed": N_("failed")}


def _holds(language: Language, figures: Figures) -> str:
    if not figures["holds"]:
        return language.gettext("no decision waits")
    return language.gettext("answers missing: %(answers)s") % {"answers": figures["answers"]}


def _fsck(language: Language, figures: Figures) -> str:
    told = language.gettext("findings: %(findings)s; checked last: %(moment)s")
    return told % {"findings": figures["findings"], "moment": _moment(language, figures["checked_at"])}


def _backup(language: Language, figures: Figures) -> str:
    told = language.gettext("kept: %(count)s; the newest: %(moment)s")
    return told % {"count": figures["backups"], "moment": _moment(language, figures["backup_at"])}


def _models(language: Language, figures: Figures) -> str:
    serving: Mapping[str, str] = figures["serving"]  # type: ignore[assignment]
    missing: tuple[str, ...] = figures["missing"]  # type: ignore[assignment]
    if missing:
        return language.gettext("not there: %(versions)s") % {"versions": ", ".join(missing)}
    return ", ".join(serving.values()) or language.gettext("none trained yet; the starter detector stands in")


def _quarantine(language: Language, figures: Figures) -> str:
    told = language.gettext("today: %(today)s, in all: %(all)s")
    return told % {"today": figures["today"], "all": figures["all"]}


def _delivery(language: Language, figures: Figures) -> str:
    return language.gettext("answers that wait: %(count)s") % {"count": figures["waiting"]}


def _withheld(language: Language, figures: Figures) -> str:
    return language.gettext("photos that wait for you: %(count)s") % {"count": figures["photos"]}


FIGURES: Mapping[str, Callable[[Language, Figures], str]] = {
    "room": _room,
    "watched": _last(N_("looked last: %(moment)s"), "looked_at"),
    "services": _services,
    "silence": _silence,
    "reading": _reading,
    "bell": _bell,
    "operations": _operations,
    "untold": _untold,
    "run": _run,
    "overdue": _overdue,
    "jobs": _jobs,
    "holds": _holds,
    "fsck": _fsck,
    "backup": _backup,
    "models": _models,
    "quarantine": _quarantine,
    "delivery": _delivery,
    "withheld": _withheld,
}
