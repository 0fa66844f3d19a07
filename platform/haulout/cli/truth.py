"""Commands for when something went wrong: checking, rebuilding, and what became of deletions in Label Studio."""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from haulout.cli.terminal import console, services_here, watched


def teach(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(fsck)
    app.command()(rebuild)
    app.command()(undelete)
    app.command("accept-deletion")(accept_deletion)


def fsck(
    deep: Annotated[bool, typer.Option("--deep", help="Also hash every photo, and rebuild the votes once.")] = False,
    offline: Annotated[bool, typer.Option("--offline", help="Compare nothing with Label Studio.")] = False,
) -> None:
    """Check that nothing is lost, doubled or changed; also happens by itself every night. Changes nothing."""
    from haulout.fsck import fsck as check

    with watched() as tell:
        findings = check(services_here(), tell, label_studio=not offline, deep=deep)
    if not findings:
        console.print("Everything that must hold does.")
        return
    table = Table("", "what is wrong", "what to do", box=None)
    for one in findings:
        table.add_row(one.invariant, one.what, one.advice)
    console.print(table)
    raise typer.Exit(1)


def rebuild(
    log: Annotated[Path | None, typer.Option(help="The log's files; the journal/ of the home when not given.")] = None,
    label_studio: Annotated[
        bool, typer.Option("--label-studio", help="From what Label Studio still holds, when there is no log.")
    ] = False,
) -> None:
    """Make the database anew when it is lost, and no backup is at hand. The new database must be empty."""
    from haulout import rebuild as rebuilding

    services = services_here()
    with watched() as tell:
        if label_studio:
            tasks, answers = rebuilding.from_label_studio(services, tell)
            told = f"{tasks} tasks and {answers} answers are back from Label Studio."
        else:
            told = (
                f"{rebuilding.from_log(services, log or services.storage.journal, tell)} entries of the log are back."
            )
    console.print(f"{told} Next: haulout fsck, then haulout run.")


def undelete() -> None:
    """Put back the tasks and answers that somebody deleted in Label Studio, under their people's names."""
    from haulout.dispatch.undelete import undelete as put_back

    with watched() as tell:
        console.print(f"{put_back(services_here(), tell)} answers are back in Label Studio.")


def accept_deletion() -> None:
    """Let the answers go that were deleted in Label Studio: they count no more, and their tasks are asked again."""
    from haulout.collect.sweep import accept_deletions

    gone = accept_deletions(services_here())
    console.print(f"{gone} answers count no more. The log keeps them; `haulout listen` asks their tasks again.")
