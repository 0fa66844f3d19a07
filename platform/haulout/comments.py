"""What people want the experts to look at in a picture, "look at this scar"; it can be erased with its author."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session, col, func, select

from haulout.errors import HauloutError
from haulout.tables import AccountRow, CommentRow, TaskRow

LONGEST = 1000
"""Characters."""
MOST_A_DAY = 20
DAY = timedelta(days=1)


class EmptyComment(HauloutError):
    """There is nothing in it."""


class LongComment(HauloutError):
    """It is longer than anybody reads."""


class TooManyComments(HauloutError):
    """Somebody wrote so many in a day that nobody could read them."""


@dataclass(frozen=True)
class Comment:
    """A comment, the task it speaks of, and what its author wants to be called; empty once they have gone."""

    row: CommentRow
    task: TaskRow
    name: str


def comment(session: Session, account: str, task: int, text: str, now: datetime) -> CommentRow:
    """Store a comment; raise EmptyComment, LongComment or TooManyComments for what experts cannot use."""
    said = "".join(letter for letter in text if letter.isprintable() or letter == "\n").strip()
    if not said:
        raise EmptyComment("The comment is empty. Write what the experts shall look at.")
    if len(said) > LONGEST:
        raise LongComment(f"The comment has {len(said)} characters; at most {LONGEST} are kept. Write less.")
    since = select(func.count()).select_from(CommentRow).where(CommentRow.account == account, CommentRow.at > now - DAY)
    if session.exec(since).one() >= MOST_A_DAY:
        raise TooManyComments(f"You wrote {MOST_A_DAY} comments within a day. Write again tomorrow.")
    row = CommentRow(task=task, account=account, text=said, at=now)
    session.add(row)
    session.flush()
    return row


def newest(session: Session, limit: int, before: int | None = None, account: str | None = None) -> list[Comment]:
    """Return comments, the newest first: everybody's, or those of one account."""
    query = (
        select(CommentRow, TaskRow, AccountRow.name)
        .join(TaskRow, col(TaskRow.id) == CommentRow.task)
        .join(AccountRow, col(AccountRow.id) == CommentRow.account)
        .order_by(col(CommentRow.id).desc())
        .limit(limit)
    )
    if before is not None:
        query = query.where(col(CommentRow.id) < before)
    if account is not None:
        query = query.where(CommentRow.account == account)
    return [Comment(*row) for row in session.exec(query)]


def unread(session: Session) -> int:
    """Return how many comments no expert has read."""
    return session.exec(select(func.count()).select_from(CommentRow).where(col(CommentRow.read_at).is_(None))).one()


def mark_read(row: CommentRow, by: str, now: datetime) -> None:
    """Note who read the comment first."""
    if row.read_at is None:
        row.read_at, row.read_by = now, by
