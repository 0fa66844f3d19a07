"""A restored home is put in the place of the old one; whenever that is broken off, it is known how to go on."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from haulout.errors import HauloutError
from haulout.safekeeping.backup import BACKUPS
from haulout.safekeeping.files import free_name
from haulout.storage.files import flush

STAGE, ASIDE = ".restoring", "replaced"
_PLAN = ".restoring.json"
STAYS = frozenset({BACKUPS, STAGE, ASIDE, _PLAN, "originals", "quarantine", "public"})
"""What a restore leaves where it is: photos and pictures are named by what they are, and never change."""


class HalfRestored(HauloutError):
    """A restore was broken off after it had begun to change the home."""


class Plan(BaseModel):
    """What an unfinished restore has still to do."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    backup: Path
    checksums: str
    """SHA-256 of the backup's checksums: it may lie elsewhere when it is asked for again."""
    aside: str
    """The folder in `replaced` that takes what was in the home."""
    schema_aside: str = ""
    """The schema of PostgreSQL that takes what was in the database, empty when nothing was."""
    placing: bool = False
    """Everything old has been moved aside: what lies in the home now is new."""


def refuse_half_restored(home: Path) -> None:
    """Raise HalfRestored while a restore is unfinished."""
    plan = read_plan(home)
    if plan is not None:
        raise HalfRestored(
            f"The restore of {plan.backup} into {home} was broken off. Finish it: haulout restore {plan.backup}"
        )


def read_plan(home: Path) -> Plan | None:
    """Return what an unfinished restore has still to do, None when none is unfinished."""
    path = home / _PLAN
    try:
        return Plan.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except ValidationError as error:
        raise HalfRestored(f"{path} cannot be read; remove it and restore again") from error


def write_plan(home: Path, plan: Plan) -> None:
    """Note what is to be done before it is begun."""
    part = home / f"{_PLAN}.part"
    part.write_text(plan.model_dump_json())
    flush(part)
    part.replace(home / _PLAN)
    flush(home)


def forget_plan(home: Path) -> None:
    """Note that nothing is left to do, or nothing was done."""
    (home / _PLAN).unlink()
    flush(home)


def occupants(home: Path) -> list[Path]:
    """Return what lies in the home and would be replaced."""
    there = home.iterdir() if home.exists() else ()
    return sorted(path for path in there if path.name not in STAYS and path.name != f"{_PLAN}.part")


def place(home: Path, plan: Plan) -> None:
    """Move everything old aside, then everything staged into the home; may be called again after a kill."""
    aside = home / ASIDE / plan.aside
    if not plan.placing:
        _move(occupants(home), aside, aside)
        write_plan(home, plan.model_copy(update={"placing": True}))
    _move(sorted((home / STAGE).iterdir()) if (home / STAGE).exists() else [], home, aside)


def _move(paths: list[Path], folder: Path, aside: Path) -> None:
    """Move these into the folder; what is in their way, because somebody started Haulout meanwhile, goes aside."""
    if paths:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for path in paths:
        target = folder / path.name
        if target.exists():
            aside.mkdir(parents=True, exist_ok=True, mode=0o700)
            target.rename(aside / free_name(aside, path.name))
        path.rename(target)
    if folder.exists():
        flush(folder)
