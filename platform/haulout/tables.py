"""The tables of the coordinator's database; raw answers and decisions are append-only, the rest can be rebuilt."""

from datetime import date, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import DDL, JSON, Column, DateTime, Index, LargeBinary, UniqueConstraint, event, text
from sqlmodel import Field, SQLModel

from labeling_configs.vocabulary import COLD, Animal, AnimalId, Boxes, Photo, PhotoId, Rectangle, Tile, TileId


def _json() -> Any:
    return Field(default_factory=dict, sa_column=Column(JSON, nullable=False))


def _moment(*, optional: bool = False, index: bool = False) -> Any:
    column = Column(DateTime(timezone=False), nullable=optional, index=index)
    return Field(default=None, sa_column=column) if optional else Field(sa_column=column)


class LogRow(SQLModel, table=True):
    """One change of a row that cannot be made again; append-only, and each entry seals all before it, see `journal`."""

    __tablename__ = "log"
    seq: int = Field(primary_key=True)
    at: datetime = _moment()
    """By the database's own clock, UTC."""
    of: str
    """The name of the row's table."""
    act: str
    """insert, update or delete."""
    key: str
    """The row's primary key, a JSON list."""
    body: str
    """The row's columns, or those that changed, as a JSON object."""
    hash: str
    """SHA-256 of the hash before and of all of the above, see `journal.Entry`."""


event.listen(
    SQLModel.metadata.tables["log"],
    "after_create",
    DDL(  # type: ignore[no-untyped-call]
        "CREATE FUNCTION log_is_append_only() RETURNS trigger AS $$ "
        "BEGIN RAISE EXCEPTION 'the log is append-only'; END $$ LANGUAGE plpgsql; "
        "CREATE TRIGGER log_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON log "
        "FOR EACH STATEMENT EXECUTE FUNCTION log_is_append_only()"
    ).execute_if(dialect="postgresql"),
)
for act in ("UPDATE", "DELETE"):
    event.listen(
        SQLModel.metadata.tables["log"],
        "after_create",
        DDL(  # type: ignore[no-untyped-call]
            f"CREATE TRIGGER log_stays_{act.lower()} BEFORE {act} ON log "
            "BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END"
        ).execute_if(dialect="sqlite"),
    )


class IngestionRow(SQLModel, table=True):
    """One reading of a folder or memory card."""

    __tablename__ = "ingestion"
    id: int | None = Field(default=None, primary_key=True)
    folder: str
    site: str
    started_at: datetime = _moment()
    finished_at: datetime | None = _moment(optional=True)
    added: int = 0
    known: int = 0
    quarantined: int = 0


class QuarantineRow(SQLModel, table=True):
    """A file that could not be used, why, and where its copy is kept."""

    __tablename__ = "quarantine"
    __table_args__ = (UniqueConstraint("path", "sha256"),)
    id: int | None = Field(default=None, primary_key=True)
    ingestion: int = Field(foreign_key="ingestion.id")
    path: str
    sha256: str
    reason: str
    kept_as: str | None = None
    at: datetime = _moment()


class PhotoRow(SQLModel, table=True):
    """One photo; times are local times of the camera without zone, None when the file does not tell."""

    __tablename__ = "photo"
    # Browsing reads the first two and no row of this table.
    __table_args__ = (
        Index("photo_in_order", "taken_at", "camera", "id", "site", "split"),
        Index("photo_of_camera", "site", "camera", "taken_at", "id", "split"),
        Index("photo_came", "ingested_at"),
    )
    id: str = Field(primary_key=True)
    name: str
    ingestion: int = Field(foreign_key="ingestion.id")
    site: str
    camera: str
    taken_at_original: datetime | None = _moment(optional=True)
    taken_at: datetime | None = _moment(optional=True)
    burst: str = Field(index=True)
    width: int
    height: int
    suffix: str
    size_bytes: int
    split: str = "train"
    """train, or exam: photos of exam days are never trained on."""
    ingested_at: datetime = _moment()

    def word(self) -> Photo:
        """Return the photo as the rest of the code knows it."""
        return Photo(PhotoId(self.id), self.site, self.camera, self.taken_at, self.burst, self.width, self.height)

    def day(self) -> str:
        """Return the day on which the photo was taken; photos without a time have their burst for a day."""
        return self.taken_at.date().isoformat() if self.taken_at else self.burst


class TileRow(SQLModel, table=True):
    """A rectangle given to people; see `vocabulary.Tile`."""

    __tablename__ = "tile"
    id: str = Field(primary_key=True)
    photo: str = Field(foreign_key="photo.id", index=True)
    shown: list[int] = Field(sa_column=Column(JSON, nullable=False))
    core: list[int] = Field(sa_column=Column(JSON, nullable=False))

    def word(self) -> Tile:
        """Return the tile as the rest of the code knows it."""
        return Tile(TileId(self.id), PhotoId(self.photo), Rectangle(*self.shown), Rectangle(*self.core))

    @classmethod
    def of(cls, tile: Tile) -> "TileRow":
        """Return the row that stores the tile."""
        shown, core = tile.shown, tile.core
        return cls(
            id=tile.id,
            photo=tile.photo,
            shown=[shown.x1, shown.y1, shown.x2, shown.y2],
            core=[core.x1, core.y1, core.x2, core.y2],
        )


class ProposalRow(SQLModel, table=True):
    """All boxes that one model drew on one photo, packed."""

    __tablename__ = "proposal"
    # What the pages ask of all photos stands beside the boxes' bytes, which are read for one photo only.
    __table_args__ = (
        Index("proposal_expects", "model", "photo", "expected_animals", "found"),
        Index("proposal_newest", "made_at", "model"),
    )
    photo: str = Field(foreign_key="photo.id", primary_key=True)
    model: str = Field(primary_key=True)
    packed: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    """float32, shape (n, 5): x1, y1, x2, y2, score."""
    features: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    """float16, shape (d,): what the backbone sees in the photo."""
    expected_animals: float
    """What the scores add up to, divided by the share of animals that the detector finds at all."""
    found: float = 1.0
    """That share, as measured on held-out days; 0 where the detector never looked at the photo (`looked`)."""
    brightness: float = 255.0
    """Mean brightness of the photo, from 0 to 255."""
    contrast: float = 255.0
    """Standard deviation of the photo's brightness."""
    made_at: datetime = _moment()

    @property
    def looked(self) -> bool:
        """Whether anything looked at the photo: an imported file knows some photos only, and before it none are."""
        return self.model != COLD and self.found > 0

    def boxes(self) -> Boxes:
        """Return the boxes, shape (n, 4)."""
        return self._unpacked()[:, :4]

    def scores(self) -> NDArray[np.float64]:
        """Return the scores in [0, 1], shape (n,)."""
        return self._unpacked()[:, 4]

    def description(self) -> NDArray[np.float64]:
        """Return the features, shape (d,)."""
        return np.frombuffer(self.features, dtype=np.float16).astype(np.float64)

    def _unpacked(self) -> Boxes:
        return np.frombuffer(self.packed, dtype=np.float32).reshape(-1, 5).astype(np.float64)

    @staticmethod
    def pack(boxes: Boxes, scores: NDArray[np.float64]) -> bytes:
        """Return boxes, shape (n, 4), and scores, shape (n,), as bytes for `packed`."""
        return np.hstack([boxes, np.asarray(scores).reshape(-1, 1)]).astype(np.float32).tobytes()


class ShownRow(SQLModel, table=True):
    """A model's boxes on a photo as people were shown them: what their answers mean depends on it for ever.

    Proposals can be made again, but only by a network that still is what it was.
    """

    __tablename__ = "shown"
    photo: str = Field(foreign_key="photo.id", primary_key=True)
    model: str = Field(primary_key=True)
    packed: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    """As `ProposalRow.packed`."""
    made_at: datetime = _moment()

    def proposal(self) -> ProposalRow:
        """Return the proposal that this is the rest of."""
        return ProposalRow(
            photo=self.photo,
            model=self.model,
            packed=self.packed,
            features=b"",
            expected_animals=0.0,
            made_at=self.made_at,
        )


class LeaseRow(SQLModel, table=True):
    """Who may change the season now; two passes at once would ask people the same question twice."""

    __tablename__ = "lease"
    name: str = Field(primary_key=True)
    holder: str = ""
    """See `haulout.holders`; empty when free."""
    fence: int = 0
    """Grows with each taking: who was taken for dead and comes back has an old number, see `haulout.fences`."""
    heard_at: datetime = _moment()
    """By the database's clock, as all moments of leases and jobs."""


class JobRow(SQLModel, table=True):
    """Work that must be done once, whoever dies meanwhile; the queue only wakes who does it, see `haulout.ledger`."""

    __tablename__ = "job"
    __table_args__ = (UniqueConstraint("kind", "cause"),)
    id: int | None = Field(default=None, primary_key=True)
    kind: str
    cause: str
    """Why it is wanted, once for each cause: the moment it was due, or a person's wish."""
    state: str = Field(default="wanted", index=True)
    """wanted, running, done or failed."""
    attempts: int = 0
    """How often it was begun; not counted is what somebody stopped on purpose."""
    fence: int = 0
    """Grows with each taking, as of a lease."""
    holder: str = ""
    heard_at: datetime = _moment()
    """The holder's latest sign of life; while the job is wanted, since when, which may be a moment to come."""
    run: int | None = Field(default=None, foreign_key="run.id")
    """The run of its latest attempt."""
    message: str = ""
    created_at: datetime = _moment()
    ended_at: datetime | None = _moment(optional=True)


class RunRow(SQLModel, table=True):
    """One weekly pass through the loop, and how far it is."""

    __tablename__ = "run"
    id: int | None = Field(default=None, primary_key=True)
    started_at: datetime = _moment()
    finished_at: datetime | None = _moment(optional=True)
    state: str = "running"
    """running, done, failed or interrupted."""
    stage: str = ""
    message: str = ""
    done: int = 0
    total: int = 0
    heard_at: datetime = _moment()
    summary: dict[str, Any] = _json()


class BatchRow(SQLModel, table=True):
    """The tiles that one selection sent out."""

    __tablename__ = "batch"
    id: int | None = Field(default=None, primary_key=True)
    run: int | None = Field(default=None, foreign_key="run.id")
    created_at: datetime = _moment()
    seed: int
    model: str
    code: str
    """The version of Haulout that chose."""
    goal: str = "teach"
    """teach, or the figure whose interval the batch is to narrow."""


class ChosenRow(SQLModel, table=True):
    """Why a tile is in a batch."""

    __tablename__ = "chosen"
    batch: int = Field(foreign_key="batch.id", primary_key=True)
    tile: str = Field(foreign_key="tile.id", primary_key=True)
    reason: str
    value: float
    """What the label adds per minute of people's time, given all that was known or chosen before."""
    minutes: float = 0.0
    """People's time that one answer was expected to take."""
    novelty: float | None = None
    """The share of its worth that was left by then, from 0 to 1; None for tiles that were not chosen by worth."""
    doubts: dict[str, Any] = _json()
    """What the label would teach by kind, see `active_learning.uncertainty`."""
    probability: float | None = None
    """The chance with which a random draw took this tile; None for tiles that were not drawn at random."""
    blind: bool = False


class TaskRow(SQLModel, table=True):
    """One question put to people; `subject` is a tile, or two animals joined by '|'."""

    __tablename__ = "task"
    __table_args__ = (UniqueConstraint("question", "subject", "gold"),)
    id: int | None = Field(default=None, primary_key=True)
    question: str = Field(index=True)
    subject: str = Field(index=True)
    gold: int = 0
    """0 for the question itself; 1, 2, … for a tile whose answer is known, asked again of one more person each."""
    batch: int | None = Field(default=None, foreign_key="batch.id")
    key: str = Field(unique=True)
    """Travels in the task's data, so that a crash between sending and noting never sends twice."""
    details: dict[str, Any] = _json()
    state: str = Field(default="open", index=True)
    """open or retired: what Label Studio should make of it; `pushed` says what it was told last.

    held: an imported file answers it, and nobody is asked until selection takes the tile; Label Studio knows nothing
    of it.
    """
    priority: float = 0.0
    """Between 0 and 1; what is worth more is asked first."""
    overlap: int = 1
    """How many people are wanted."""
    pushed: str = ""
    ordered: float | None = None
    """The priority that Label Studio was told last."""
    blind: bool = False
    model: str = ""
    """The model whose boxes people are shown; kept also for blind tasks, whose boxes stay hidden."""
    label_studio_task: int | None = Field(default=None, index=True)
    created_at: datetime = _moment()

    def wanted(self) -> str:
        """Return what `pushed` reads once Label Studio knows the state and the overlap."""
        return f"{self.state}:{self.overlap}"


class PersonRow(SQLModel, table=True):
    """Somebody who answers, known by a pseudonym."""

    __tablename__ = "person"
    id: str = Field(primary_key=True)
    label_studio_user: int = Field(unique=True)
    role: str = "volunteer"
    joined_at: datetime = _moment()


class ExclusionRow(SQLModel, table=True):
    """Who decided that a person's votes count no more, or again; append-only, the last one holds."""

    __tablename__ = "exclusion"
    id: int | None = Field(default=None, primary_key=True)
    person: str = Field(foreign_key="person.id", index=True)
    excluded: bool
    reason: str
    by: str
    at: datetime = _moment()


class SuspicionRow(SQLModel, table=True):
    """What speaks against a person; derived."""

    __tablename__ = "suspicion"
    person: str = Field(foreign_key="person.id", primary_key=True)
    kind: str = Field(primary_key=True)
    evidence: float
    """The decimal logarithm of how much likelier a spammer does this than an honest person."""
    trust: float
    """How much of a say the person keeps, from 0 to 1."""
    tiles: list[Any] = Field(sa_column=Column(JSON, nullable=False))
    reason: str
    at: datetime = _moment()


class CrowdRow(SQLModel, table=True):
    """What is known of everybody's drawing, see `active_learning.crowd`; derived, the newest one holds."""

    __tablename__ = "crowd"
    id: int | None = Field(default=None, primary_key=True)
    answers: int
    """How many answers about boxes there were, those taken back among them."""
    learned: dict[str, Any] = _json()
    usability: dict[str, Any] = _json()
    """How people call pictures unusable, see `active_learning.usability`."""
    anchoring: dict[str, Any] = _json()
    """How the machine's boxes sway people, see `active_learning.anchoring`."""
    effort: dict[str, Any] = _json()
    """How long an answer takes, see `active_learning.effort`."""
    at: datetime = _moment()


class AnswerRow(SQLModel, table=True):
    """What Label Studio stored, raw and for ever; a changed answer is one more row.

    Answers that an imported file gives have negative numbers: Label Studio never saw them.
    """

    __tablename__ = "answer"
    __table_args__ = (UniqueConstraint("label_studio_annotation", "digest"),)
    id: int | None = Field(default=None, primary_key=True)
    task: int = Field(foreign_key="task.id", index=True)
    person: str = Field(foreign_key="person.id", index=True)
    label_studio_annotation: int = Field(index=True)
    digest: str
    result: list[Any] = Field(sa_column=Column(JSON, nullable=False))
    skipped: bool = False
    gone: bool = False
    """True in a row that records the deletion of the answer in Label Studio."""
    seconds: float = 0.0
    model: str = ""
    """The detector whose boxes lay on the task, seen or not."""
    model_shown: str = ""
    """The same when the person saw them, empty for a blind task."""
    given_at: datetime = _moment()
    received_at: datetime = _moment()


class ProjectRow(SQLModel, table=True):
    """The Label Studio project of one question: which model's boxes it shows, and how far its answers were read."""

    __tablename__ = "project"
    question: str = Field(primary_key=True)
    label_studio_project: int = Field(unique=True)
    asked: str
    """SHA-256 of the question as Label Studio was told it."""
    serves: str = ""
    """The model version whose predictions order and pre-annotate the project's tasks."""
    read_to: datetime | None = _moment(optional=True)
    """On Label Studio's clock."""
    swept_to: int = 0
    """The last task that the sweep under way has looked at; 0 when none is."""
    missing: list[int] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    """The answers that this sweep did not find."""
    swept_at: datetime | None = _moment(optional=True)
    """When the last whole sweep ended."""


class OperationRow(SQLModel, table=True):
    """Something that Label Studio was to be told, noted before it was sent: it may have arrived though nobody heard."""

    __tablename__ = "operation"
    id: int | None = Field(default=None, primary_key=True)
    project: int = Field(index=True)
    """Of Label Studio."""
    keys: list[str] = Field(sa_column=Column(JSON, nullable=False))
    """Of the tasks that were sent."""
    state: str = Field(default="intended", index=True)
    """intended, confirmed or abandoned."""
    intended_at: datetime = _moment()
    heard_at: datetime = _moment()
    """When it was sent, or when whoever sent it gave up waiting."""
    ended_at: datetime | None = _moment(optional=True)


class AliasRow(SQLModel, table=True):
    """A second copy of a task that Label Studio got after all: its answers count, but nobody is asked it any more."""

    __tablename__ = "alias"
    label_studio_task: int = Field(primary_key=True)
    task: int = Field(foreign_key="task.id", index=True)
    hidden: bool = False
    """Whether Label Studio was told to ask it of nobody."""
    found_at: datetime = _moment()


class RestoredRow(SQLModel, table=True):
    """An answer that was deleted in Label Studio and put back: it has a new number there, and stays the same answer."""

    __tablename__ = "restored"
    label_studio_annotation: int = Field(primary_key=True)
    """The new number."""
    answer: int = Field(index=True)
    """The number under which it is stored."""


class HoldRow(SQLModel, table=True):
    """So many answers vanished from Label Studio at once that a person must say what that means, see `holds`."""

    __tablename__ = "hold"
    id: int | None = Field(default=None, primary_key=True)
    question: str = Field(index=True)
    state: str = "open"
    """open, restored (they were put back) or accepted (they shall be gone)."""
    tasks: int
    answers: int
    """How many of each were missing when it was found."""
    found_at: datetime = _moment()
    by: str = ""
    decided_at: datetime | None = _moment(optional=True)


class FsckRow(SQLModel, table=True):
    """One check of the invariants, see `fsck`; the newest one holds."""

    __tablename__ = "fsck"
    id: int | None = Field(default=None, primary_key=True)
    at: datetime = _moment()
    clean: bool
    findings: list[Any] = Field(sa_column=Column(JSON, nullable=False))
    """Rows of [invariant, what is wrong, what to do]."""
    seconds: float


class BrokenRow(SQLModel, table=True):
    """A part of an answer that could not be read; derived from the raw answer."""

    __tablename__ = "broken"
    id: int | None = Field(default=None, primary_key=True)
    answer: int = Field(foreign_key="answer.id", index=True)
    what: str
    reason: str


SETTLED = ("agreed", "unusable")
"""The states of tiles about which nobody is asked any more."""


class ConsensusRow(SQLModel, table=True):
    """What the votes say about a tile; derived."""

    __tablename__ = "consensus"
    __table_args__ = (
        Index(
            "consensus_disturbed",
            "tile",
            sqlite_where=text("CAST(disturbed AS VARCHAR) != '{}'"),
            postgresql_where=text("CAST(disturbed AS VARCHAR) != '{}'"),
        ),
        Index("consensus_standing", "state", "tile", "voters", "by_expert"),
    )
    tile: str = Field(foreign_key="tile.id", primary_key=True)
    state: str = "open"
    """open, agreed, disputed or unusable."""
    voters: int
    agreement: float
    boxes: list[Any] = Field(sa_column=Column(JSON, nullable=False))
    """Rows of [x1, y1, x2, y2, probability, [persons], probability of lying badly]."""
    missed: float = 0.0
    """Animals expected that nobody drew."""
    risk: float = 1.0
    """The expected cost of error per animal, see `active_learning.retirement`."""
    unusable: float = 0.0
    """The probability that nobody can judge the picture."""
    by_expert: bool = False
    """True when an expert settled it: the tile may serve as gold."""
    disturbed: dict[str, Any] = _json()
    """How many of the voters saw what may disturb the animals, by `vocabulary.Disturbance`."""
    settled_at: datetime = _moment()

    def accepted(self, threshold: float = 0.5) -> Boxes:
        """Return the boxes believed to be animals, shape (n, 4)."""
        return np.array([b[:4] for b in self.boxes if b[4] > threshold], dtype=np.float64).reshape(-1, 4)

    def accepted_probabilities(self, threshold: float = 0.5) -> NDArray[np.float64]:
        """Return the probabilities of the accepted boxes, shape (n,)."""
        return np.array([b[4] for b in self.boxes if b[4] > threshold], dtype=np.float64)

    def probabilities(self) -> NDArray[np.float64]:
        """Return the probability of each box, shape (n,)."""
        return np.array([b[4] for b in self.boxes], dtype=np.float64)


class AnimalRow(SQLModel, table=True):
    """One accepted box in one photo; derived, its id does not change when its tile is settled again."""

    __tablename__ = "animal"
    id: str = Field(primary_key=True)
    photo: str = Field(foreign_key="photo.id", index=True)
    tile: str = Field(foreign_key="tile.id", index=True)
    box: list[float] = Field(sa_column=Column(JSON, nullable=False))
    crop: list[int] = Field(sa_column=Column(JSON, nullable=False))
    """The rectangle of the photo that experts are shown: x1, y1, x2, y2."""
    probability: float
    settled_at: datetime = _moment()

    def word(self) -> Animal:
        """Return the animal as the rest of the code knows it."""
        x1, y1, x2, y2 = self.box
        return Animal(AnimalId(self.id), PhotoId(self.photo), (x1, y1, x2, y2), self.probability)

    def rectangle(self) -> Rectangle:
        """Return the box in whole pixels, at least one wide and high."""
        x1, y1, x2, y2 = (round(side) for side in self.box)
        return Rectangle(x1, y1, max(x2, x1 + 1), max(y2, y1 + 1))


class EmbeddingRow(SQLModel, table=True):
    """What a re-identification network sees in one animal."""

    __tablename__ = "embedding"
    animal: str = Field(foreign_key="animal.id", primary_key=True)
    model: str = Field(primary_key=True)
    packed: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    """float16, shape (d,), of length 1."""


class KeypointsRow(SQLModel, table=True):
    """Keypoints of one animal's crop, see `haulout_models.local_matching`; derived."""

    __tablename__ = "keypoints"
    animal: str = Field(foreign_key="animal.id", primary_key=True)
    packed: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    sharp: bool
    """Whether the crop is sharp enough for marks to be seen."""


class LikenessRow(SQLModel, table=True):
    """How alike two animals look, first < second; derived, and made anew by each network."""

    __tablename__ = "likeness"
    first: str = Field(foreign_key="animal.id", primary_key=True)
    second: str = Field(foreign_key="animal.id", primary_key=True, index=True)
    model: str
    """The network whose cosine it is."""
    cosine: float
    local: float | None = None
    """Score of the match of keypoints, which no network changes; None where one of them has none."""


class CensusRow(SQLModel, table=True):
    """How many walruses there are and how sure the catalogue is of them; one row, derived."""

    __tablename__ = "census"
    id: int = Field(default=1, primary_key=True)
    model: str
    animals: int
    """Animals with marks that can be seen, whether anybody was asked about them or not."""
    wrong: float
    """A bound on how many of them are expected to bear a wrong name."""
    enough: bool
    """Whether that is less than what was wanted, so that only the random share is asked."""
    judged: int
    """Pairs judged by experts that the machine's probabilities rest on; 0 while they rest on other animals."""
    individuals: list[float] | None = Field(default=None, sa_column=Column(JSON))
    """Value and ends of the 95 % interval; None while the probabilities do not rest on this catalogue."""
    population: list[float] | None = Field(default=None, sa_column=Column(JSON))
    """The same with those that nobody has seen (Chao 1987, a lower bound)."""
    at: datetime = _moment()


class MarkRow(SQLModel, table=True):
    """A mark an expert pointed at, in pixels of the photo; derived."""

    __tablename__ = "mark"
    id: int | None = Field(default=None, primary_key=True)
    animal: str = Field(foreign_key="animal.id", index=True)
    kind: str
    x: float
    y: float
    person: str


class SideRow(SQLModel, table=True):
    """Which side of an animal an expert saw, as they said last; derived."""

    __tablename__ = "side"
    animal: str = Field(foreign_key="animal.id", primary_key=True)
    person: str = Field(primary_key=True)
    side: str


class ConditionRow(SQLModel, table=True):
    """How an animal looked to an expert; derived."""

    __tablename__ = "condition"
    id: int | None = Field(default=None, primary_key=True)
    animal: str = Field(foreign_key="animal.id", index=True)
    sign: str
    """See `vocabulary.Condition`."""
    person: str
    at: datetime = _moment()


class IndividualRow(SQLModel, table=True):
    """A catalogued walrus."""

    __tablename__ = "individual"
    id: str = Field(primary_key=True)
    first_animal: str
    named_at: datetime = _moment()


class IdentityRow(SQLModel, table=True):
    """One decision on who is who, see `active_learning.decisions`; append-only, sightings follow from all of them."""

    __tablename__ = "identity"
    id: int | None = Field(default=None, primary_key=True)
    change: str
    """named, joined, merged, split or undone."""
    moves: list[list[str | None]] = Field(sa_column=Column(JSON, nullable=False))
    """Of each animal: its id, the individual it was before, and the one it is after."""
    undoes: int | None = Field(default=None, foreign_key="identity.id")
    apart: list[list[str]] = Field(sa_column=Column(JSON, nullable=False))
    """Two groups of animals that are held apart; empty when none are."""
    together: list[str] = Field(sa_column=Column(JSON, nullable=False))
    """Animals that are held together."""
    pairs: list[list[Any]] = Field(sa_column=Column(JSON, nullable=False))
    """Experts' answers that it rests on: first and second animal, how many said same, how many different."""
    by: str = ""
    """The account of who decided; empty when the experts' answers did."""
    reason: str = ""
    code: str
    """The version of Haulout, with a digest of its sources."""
    at: datetime = _moment()


class SightingRow(SQLModel, table=True):
    """Which individual an animal is; derived from the decisions."""

    __tablename__ = "sighting"
    animal: str = Field(foreign_key="animal.id", primary_key=True)
    individual: str = Field(foreign_key="individual.id", index=True)


class DisputeRow(SQLModel, table=True):
    """Two animals on which the experts, or the evidence, contradict each other; derived."""

    __tablename__ = "dispute"
    first: str = Field(foreign_key="animal.id", primary_key=True)
    second: str = Field(foreign_key="animal.id", primary_key=True)
    reason: str


class ModelRow(SQLModel, table=True):
    """A trained network and its exam."""

    __tablename__ = "model"
    __table_args__ = (UniqueConstraint("kind", "lesson"),)
    version: str = Field(primary_key=True)
    kind: str = Field(index=True)
    """detector or reidentifier."""
    state: str = Field(default="candidate", index=True)
    """candidate, serving, refused or retired."""
    sha256: str
    lesson: str | None = None
    """SHA-256 of what it learned from, and how; the same is learned once."""
    run: int | None = Field(default=None, foreign_key="run.id")
    card: dict[str, Any] = _json()
    exam: dict[str, Any] = _json()
    created_at: datetime = _moment()


class ExaminedRow(SQLModel, table=True):
    """One tile of a detector's exam: what was there, what the detector drew, and what the champion drew beside it."""

    __tablename__ = "examined"
    model: str = Field(foreign_key="model.version", primary_key=True)
    tile: str = Field(foreign_key="tile.id", primary_key=True)
    conditions: dict[str, Any] = _json()
    """The tile's light, crowd and camera."""
    there: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    """float32, shape (n, 6): x1, y1, x2, y2 in pixels of the photo, probability, and 1 where it must be found."""
    drawn: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    """float32, shape (m, 6): x1, y1, x2, y2, score, and the number of the animal that must be found and was hit, or
    -1 for none, -2 for one that people doubt; the best score first."""
    champion: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    """As `drawn`."""


class FigureRow(SQLModel, table=True):
    """A figure of all photos of a site, with its interval; derived, each run tells it anew."""

    __tablename__ = "figure"
    site: str = Field(primary_key=True)
    name: str = Field(primary_key=True)
    """mean, total, maximum, empty, recall or precision."""
    during: str = Field(primary_key=True)
    """A month, a day, or nothing for the whole season."""
    value: float
    low: float
    high: float
    drawn: int
    """Tiles drawn at random and settled that it rests on."""
    model: str
    """The detector that looked at all photos."""
    run: int | None = Field(default=None, foreign_key="run.id")
    at: datetime = _moment()


class DecisionRow(SQLModel, table=True):
    """Who decided what about a model, and why; append-only."""

    __tablename__ = "decision"
    __table_args__ = (Index("decision_kind_at", "kind", "at"),)
    id: int | None = Field(default=None, primary_key=True)
    kind: str
    version: str
    decision: str
    """promoted, refused or rolled back."""
    reason: str
    replaced: str | None = None
    by: str
    at: datetime = _moment()


class ExperimentRow(SQLModel, table=True):
    """One measurement of the choice: detectors trained alike on chosen tiles, on random ones, and on both."""

    __tablename__ = "experiment"
    id: int | None = Field(default=None, primary_key=True)
    run: int | None = Field(default=None, foreign_key="run.id")
    digest: str = Field(unique=True)
    """SHA-256 of what was learned from, how, and of the exam: the same again would only say the same again."""
    seed: int
    seconds: float
    """How long the first of the three was trained at most."""
    steps: int
    """How many steps that made; the others took as many."""
    exam_tiles: int
    exam_days: int
    arms: dict[str, Any] = _json()
    """For "random", "chosen" and "both": tiles, boxes, minutes of people's work, ap50, and `drawn`, the AP50 on
    resampled exams; see `haulout.teaching`."""
    at: datetime = _moment()


class TriageRow(SQLModel, table=True):
    """One learning of what an empty photo looks like, see `active_learning.triage`; the newest one of a model holds."""

    __tablename__ = "triage"
    id: int | None = Field(default=None, primary_key=True)
    run: int | None = Field(default=None, foreign_key="run.id")
    model: str = Field(index=True)
    """The detector whose boxes it reads."""
    digest: str
    """SHA-256 of the photos and boxes it was learned from, and of what people say of them."""
    learned: dict[str, Any] = _json()
    wanted: float
    """The share of photos with animals that may be missed."""
    cut: dict[str, Any] = _json()
    """chance, positives, needed, missed and bound, see `active_learning.emptiness.Cut`."""
    negatives: int
    """Labelled photos without animals that it was learned from."""
    at: datetime = _moment()


class TriagedRow(SQLModel, table=True):
    """What the newest triage says of a photo; derived."""

    __tablename__ = "triaged"
    __table_args__ = (Index("triaged_verdict", "verdict", "photo"),)
    photo: str = Field(foreign_key="photo.id", primary_key=True)
    triage: int = Field(foreign_key="triage.id", index=True)
    chance: float
    """That the photo holds an animal."""
    verdict: str
    """empty (likely), animals, or look: to be looked at."""


class SpotRow(SQLModel, table=True):
    """A place of a fixed camera where the machine draws the same box for weeks; derived until somebody decides."""

    __tablename__ = "spot"
    id: int | None = Field(default=None, primary_key=True)
    site: str = Field(index=True)
    camera: str
    box: list[float] = Field(sa_column=Column(JSON, nullable=False))
    first: date
    last: date
    """The last day on which the box was there; it stands for photos some weeks around these days."""
    best: float
    """The score that the place hardly ever exceeded; a much surer box there is something else."""
    evidence: dict[str, Any] = _json()
    """days, photos, visible, emptied, occupied, and photos as examples, see `active_learning.recurring.Place`."""
    model: str
    run: int | None = Field(default=None, foreign_key="run.id")
    found_at: datetime = _moment()


class SpotDecisionRow(SQLModel, table=True):
    """Who decided what is at a place; append-only, the last decision holds."""

    __tablename__ = "spot_decision"
    id: int | None = Field(default=None, primary_key=True)
    spot: int = Field(foreign_key="spot.id", index=True)
    decision: str
    """thing, animal, or open: as if nobody had decided."""
    by: str
    at: datetime = _moment()


class SiteRow(SQLModel, table=True):
    """Where a haulout is; the only place that knows true coordinates, read through `haulout.places` alone."""

    __tablename__ = "site"
    name: str = Field(primary_key=True)
    latitude: float | None = None
    longitude: float | None = None
    """Degrees, WGS 84."""
    geoprivacy: str = "obscured"
    """See `haulout.places.Geoprivacy`."""
    time_zone: str = ""
    """Of the cameras' clocks, an IANA name; UTC when empty."""
    changed_at: datetime = _moment()


class CameraRow(SQLModel, table=True):
    """What an operator says of a camera."""

    __tablename__ = "camera"
    site: str = Field(primary_key=True)
    camera: str = Field(primary_key=True)
    view: str = ""
    """Cameras of one view may see the same animals and are not added up; those not named share one view."""


class MoveRow(SQLModel, table=True):
    """A camera was turned or moved at this time: before and after it show different places; see `haulout.cameras`."""

    __tablename__ = "move"
    site: str = Field(primary_key=True)
    camera: str = Field(primary_key=True)
    at: datetime = Field(sa_column=Column(DateTime(timezone=False), primary_key=True))
    """On the camera's corrected clock."""
    by: str = "machine"
    """machine, or who said so."""


class StillRow(SQLModel, table=True):
    """Somebody says that a camera was not moved at this time, whatever a machine may find."""

    __tablename__ = "still"
    site: str = Field(primary_key=True)
    camera: str = Field(primary_key=True)
    at: datetime = Field(sa_column=Column(DateTime(timezone=False), primary_key=True))
    by: str = "operator"
    said_at: datetime = _moment()


class TideRow(SQLModel, table=True):
    """The height of the tide, as the operator's table tells it."""

    __tablename__ = "tide"
    site: str = Field(primary_key=True)
    at: datetime = Field(sa_column=Column(DateTime(timezone=False), primary_key=True))
    """On the cameras' clock."""
    metres: float


class OccupancyRow(SQLModel, table=True):
    """One day of a site, as people and machine together see it; derived, each run tells it anew."""

    __tablename__ = "occupancy"
    site: str = Field(primary_key=True)
    day: date = Field(primary_key=True)
    photos: int
    visible: int
    """Photos in which animals could be seen: not dark, not foggy, not beside the haulout."""
    checked: int
    """Photos that people have settled as a whole."""
    present: float
    """The probability that any animal was ashore that day."""
    maximum: float
    maximum_low: float
    maximum_high: float
    """The largest number at once, with its 95 % interval."""
    mean: float
    mean_low: float
    mean_high: float
    """The mean number through the day."""
    run: int | None = Field(default=None, foreign_key="run.id")
    at: datetime = _moment()


class EventRow(SQLModel, table=True):
    """A haulout event: animals came, stayed, and left; derived, each run tells it anew."""

    __tablename__ = "event"
    site: str = Field(primary_key=True)
    number: int = Field(primary_key=True)
    year: int = Field(index=True)
    arrival: date
    arrival_low: date
    arrival_high: date
    departure: date
    departure_low: date
    departure_high: date
    """The last day with animals."""
    arrival_open: bool = False
    """Animals were there as soon as anybody looked: they may have come before."""
    departure_open: bool = False
    peak: date
    peak_low: date
    peak_high: date
    maximum: float
    maximum_low: float
    maximum_high: float


class SeasonRow(SQLModel, table=True):
    """One site's year in figures that can be put beside other years; derived, each run tells it anew."""

    __tablename__ = "season"
    site: str = Field(primary_key=True)
    year: int = Field(primary_key=True)
    index: float
    index_low: float
    index_high: float
    """Mean number of animals ashore over the days from `first` to `last`, each day weighing the same."""
    maximum: float
    maximum_low: float
    maximum_high: float
    days: int
    """Days with photos, among them those with animals, and those nobody could see."""
    occupied: int
    unseen: int
    first: date
    last: date
    profile: dict[str, Any] = _json()
    """Mean share of the day's mean by hour ("hours") and by height of the tide ("tides"), with intervals."""
    data: str = ""
    """Version of the data: SHA-256 of all that the figures rest on."""


IMPORTED = "import-"
"""Begins the name of whoever drew the boxes of an imported file, a person or a detector."""


MEGADETECTOR = "megadetector"
"""The kind of imported files whose boxes a detector drew."""


class ImportRow(SQLModel, table=True):
    """One file of boxes that the reserve already had."""

    __tablename__ = "import"
    id: int | None = Field(default=None, primary_key=True)
    source: str = Field(unique=True)
    """The name under which its boxes are known, see `drawer`."""
    kind: str
    """coco or megadetector."""
    sha256: str = Field(unique=True)
    photos: int = 0
    boxes: int = 0
    unknown: int = 0
    """Photos named in the file that this Haulout does not have."""
    at: datetime = _moment()

    @property
    def drawer(self) -> str:
        """The pseudonym of the person, or the version of the detector, that drew the boxes."""
        return f"{IMPORTED}{self.source}"


class ImportedRow(SQLModel, table=True):
    """The boxes of one photo as an imported file has them."""

    __tablename__ = "imported"
    source: int = Field(foreign_key="import.id", primary_key=True)
    photo: str = Field(foreign_key="photo.id", primary_key=True)
    packed: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    """float64, shape (n, 6): x1, y1, x2, y2 in pixels of the photo, score (1 for a person's box), kind (0 for animals;
    MegaDetector's 1 for people and 2 for vehicles)."""

    def boxes(self) -> Boxes:
        """Return the animals' boxes, shape (n, 4)."""
        return self._animals()[:, :4]

    def scores(self) -> NDArray[np.float64]:
        """Return the animals' scores, shape (n,)."""
        return self._animals()[:, 4]

    def _animals(self) -> Boxes:
        everything = np.frombuffer(self.packed, dtype=np.float64).reshape(-1, 6)
        animals: Boxes = everything[everything[:, 5] == 0]
        return animals


class SeenRow(SQLModel, table=True):
    """What the watch saw at its last look, see `watch.look`; derived, the next look tells it anew."""

    __tablename__ = "seen"
    name: str = Field(primary_key=True)
    """answers:QUESTION, service:NAME, or untold."""
    at: datetime = _moment()
    number: int = 0
    """Answers that are not read yet, tasks that are not told yet, or 1 for a service that does not answer."""
    since: datetime | None = _moment(optional=True)
    """Since when it has been so without a break; None while there is nothing to complain of."""
    details: dict[str, Any] = _json()


class TokenRow(SQLModel, table=True):
    """A key to the programming interface, of which only the SHA-256 is kept."""

    __tablename__ = "token"
    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(unique=True)
    sha256: str = Field(unique=True)
    scopes: list[str] = Field(sa_column=Column(JSON, nullable=False))
    created_at: datetime = _moment()
    expires_at: datetime | None = _moment(optional=True)
    revoked_at: datetime | None = _moment(optional=True)


class AccountRow(SQLModel, table=True):
    """Somebody who may sign in; what is known of a person beyond their pseudonym is here alone, and can be erased.

    Not in the log, which forgets nothing.
    """

    __tablename__ = "account"
    id: str = Field(primary_key=True)
    """Random; all that remains of who erased their account."""
    name: str
    """What the person wants to be called; empty once erased."""
    folded: str = Field(unique=True)
    """The name as it is compared, see `accounts.names`; the id once erased."""
    email: str = ""
    password: str = ""
    """Argon2id; empty for who enters by one-time links only."""
    role: str = "volunteer"
    """See `accounts.Role`."""
    language: str = "en"
    label_studio_user: int | None = Field(default=None, unique=True)
    """Under which their answers are stored there; None until the first one is delivered. See `PersonRow`."""
    totp: str = ""
    """The secret of the second factor, sealed; empty until it is set up."""
    totp_step: int = 0
    """The last time step whose code was used: a code opens once."""
    failures: int = 0
    """Wrong passwords and codes in a row."""
    wait_until: datetime | None = _moment(optional=True)
    """No sign-in is tried before, after too many failures."""
    taught_at: datetime | None = _moment(optional=True)
    """When the tutorial was finished."""
    created_at: datetime = _moment()
    erased_at: datetime | None = _moment(optional=True)


class SessionRow(SQLModel, table=True):
    """A browser in which somebody is signed in."""

    __tablename__ = "session"
    id: str = Field(primary_key=True)
    """SHA-256 of what its cookie holds."""
    account: str = Field(foreign_key="account.id", index=True)
    complete: bool = False
    """Whether the second factor was shown, where one is wanted."""
    made_at: datetime = _moment()
    seen_at: datetime = _moment()
    ends_at: datetime = _moment()
    revoked_at: datetime | None = _moment(optional=True)


class PassRow(SQLModel, table=True):
    """A link that lets somebody sign up with a role, or enter an account once without a password."""

    __tablename__ = "pass"
    sha256: str = Field(primary_key=True)
    """Of what the link holds."""
    kind: str
    """invite or enter."""
    role: str = "volunteer"
    account: str | None = Field(default=None, foreign_key="account.id", index=True)
    uses_left: int = 1
    by: str
    made_at: datetime = _moment()
    ends_at: datetime = _moment()


class ServedRow(SQLModel, table=True):
    """A task that somebody was given to answer, and until when nobody else gets it in their place."""

    __tablename__ = "served"
    id: str = Field(primary_key=True)
    """Random: the browser sends it back with the answer."""
    task: int = Field(foreign_key="task.id", index=True)
    account: str = Field(foreign_key="account.id", index=True)
    at: datetime = _moment()
    until: datetime = _moment()
    ended: str = ""
    """answered, skipped (perhaps with ": reason") or given back; empty while it is open."""
    model: str = ""
    """The model whose boxes came with it, seen or not; see `AnswerRow`."""
    orderly: bool = True
    """False when the database was too busy for a choice, and the order that Label Studio was told last was taken."""


class SpoolRow(SQLModel, table=True):
    """An answer that was acknowledged to the person who gave it, on its way to Label Studio or there."""

    __tablename__ = "spool"
    # Thanks are counted while people wait, from this alone.
    __table_args__ = (Index("spool_of_account", "account", "skipped", "given_at", "task"),)
    unique_id: str = Field(primary_key=True)
    """Sent along to Label Studio, which stores the same one once."""
    served: str = Field(unique=True)
    task: int = Field(foreign_key="task.id", index=True)
    account: str
    result: list[Any] = Field(sa_column=Column(JSON, nullable=False))
    seconds: float = 0.0
    skipped: bool = False
    model: str = ""
    """See `ServedRow`: another model may serve by the time it is read back."""
    given_at: datetime = _moment()
    state: str = Field(default="waiting", index=True)
    """waiting or delivered."""
    label_studio_annotation: int | None = None
    tries: int = 0
    next_try_at: datetime | None = _moment(optional=True)
    problem: str = ""
    """Why the last try failed."""
    delivered_at: datetime | None = _moment(optional=True)


class CommentRow(SQLModel, table=True):
    """What somebody wants the experts to look at in a picture; not in the log, as it can be erased."""

    __tablename__ = "comment"
    id: int | None = Field(default=None, primary_key=True)
    task: int = Field(foreign_key="task.id", index=True)
    account: str = Field(foreign_key="account.id", index=True)
    text: str
    at: datetime = _moment()
    read_at: datetime | None = _moment(optional=True)
    read_by: str = ""


class WithheldRow(SQLModel, table=True):
    """A photo that may show people: nobody but the operator sees it until they decide."""

    __tablename__ = "withheld"
    photo: str = Field(foreign_key="photo.id", primary_key=True)
    why: str
    """Who saw people in it: a detector's name, or volunteers."""
    found_at: datetime = _moment()
    decision: str = ""
    """shown (it may be seen) or kept (it stays withheld); empty until the operator decides."""
    by: str = ""
    decided_at: datetime | None = _moment(optional=True)
