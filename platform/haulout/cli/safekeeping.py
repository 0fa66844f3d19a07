"""Commands for the day on which a disk dies: backups, and the way back from one."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from haulout.cli.terminal import console, services_here, settings_here, watched

if TYPE_CHECKING:
    from haulout.safekeeping.restore import Restored


def backup(
    to: Annotated[
        Path | None, typer.Option(help="A folder, best on another disk; backups in the home when not given.")
    ] = None,
    verify: Annotated[Path | None, typer.Option(help="Check a backup against its manifest instead.")] = None,
) -> None:
    """Back up all that cannot be made again. Photos are only listed: keep a copy of `originals` yourself.

    Made daily by itself as well, and before the database is changed; HAULOUT_BACKUPS_KEPT of them stay in the home.
    """
    from haulout.bootstrap import connected, utc_now
    from haulout.safekeeping.backup import back_up
    from haulout.safekeeping.manifest import read_manifest
    from haulout.safekeeping.manifest import verify as check

    settings = settings_here()
    with watched() as tell:
        if verify is not None:
            manifest = check(verify, tell)
        else:
            made = back_up(settings, connected(settings), utc_now, tell, to)
            manifest = read_manifest(made)
    _line(f"Written: {made.resolve()}" if verify is None else f"Whole: {verify.resolve()}")
    _line(", ".join(f"{manifest.counts.get(name, 0)} {name}s" for name in ("photo", "answer", "individual")))
    for name, reason in manifest.left_out.items():
        _line(f"Not in it: {name}: {reason}")


def restore(
    folder: Annotated[Path, typer.Argument(help="A backup: a folder with a manifest.json.")],
    replace: Annotated[
        bool, typer.Option("--replace", help="Move what is in the home aside; nothing is deleted.")
    ] = False,
) -> None:
    """Make the home what a backup says, once every file of it is found whole; when it was broken off, do it again."""
    from haulout.bootstrap import utc_now
    from haulout.embedded import service_states
    from haulout.safekeeping.pictures import make_pictures
    from haulout.safekeeping.restore import restore as bring_back

    settings = settings_here()
    with watched() as tell:
        restored = bring_back(settings, folder, utc_now, service_states(settings), replace=replace, tell=tell)
        lacking = make_pictures(services_here(), tell)
    _say(restored, lacking)


def _say(restored: "Restored", lacking: int) -> None:
    _line(f"{settings_here().home.resolve()} is as it was on {restored.manifest.made_at:%Y-%m-%d %H:%M:%S} UTC.")
    if restored.aside:
        _line(f"What was there before: {restored.aside}")
    if restored.schema_aside:
        _line(f"What was in the database before: its schema {restored.schema_aside}")
    for path in restored.missing[:10]:
        _line(f"Missing: originals/{path}")
    if restored.missing:
        _line(f"{len(restored.missing)} photos are missing; {lacking} questions cannot be shown without them.")
        _line("Copy originals into the home, or ingest their cards again; then: haulout pictures")
    _line("Next: haulout up")


def _line(text: str) -> None:
    console.print(text, highlight=False, markup=False, soft_wrap=True)  # paths can be copied


def pictures() -> None:
    """Make the pictures that questions show, where they are missing: after a restore, once the photos are back."""
    from haulout.safekeeping.pictures import make_pictures

    with watched() as tell:
        lacking = make_pictures(services_here(), tell)
    console.print(f"{lacking} questions lack their photo." if lacking else "All questions have their pictures.")


def teach(app: typer.Typer) -> None:
    """Add these commands."""
    for command in (backup, restore, pictures):
        app.command()(command)
