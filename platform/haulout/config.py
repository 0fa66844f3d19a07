"""The settings of one Haulout; this module is the only reader of the environment."""

import json
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import unquote, urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from haulout.errors import BadConfiguration

REPOSITORY = Path(__file__).resolve().parents[2]
STARTER_WORDS = ("builtin", "none")


def _starter(value: str) -> str:
    if value in STARTER_WORDS or Path(value).suffix == ".onnx":
        return value
    raise ValueError("must be builtin, none, or the path of an .onnx file")


class Settings(BaseModel):
    """Everything that can be configured; each field is set by the variable HAULOUT_<FIELD> unless said otherwise."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    home: Path = Path("data")
    """Where this Haulout keeps everything: database, photos, weights, logs."""
    host: str = "127.0.0.1"
    port: int = Field(default=8300, ge=1, le=65535)
    label_studio_port: int = Field(default=8301, ge=1, le=65535)
    redis_port: int = Field(default=8302, ge=1, le=65535)

    database_url: str = ""
    """DATABASE_URL; SQLite in the home folder when empty."""
    redis_url: str = ""
    """REDIS_URL; the embedded server when empty."""
    label_studio_url: str = ""
    """LABEL_STUDIO_URL; the embedded server when empty."""
    label_studio_token: str = ""
    """LABEL_STUDIO_TOKEN; made at `haulout init` for the embedded server."""
    label_studio_python: Path = REPOSITORY / ".venv-label-studio" / "bin" / "python"
    cache: Path = REPOSITORY / ".cache"
    """Holds the migrated template database of Label Studio."""

    site: str = "Matveyev Island"
    starter: Annotated[str, AfterValidator(_starter)] = "builtin"
    """The first detector: builtin (trained on drawn walruses), none, or an ONNX file (YOLOX, MegaDetector 5).

    With none, the boxes of an imported MegaDetector file stand in for it.
    """
    batch_size: int = Field(default=100, ge=1)
    random_share: float = Field(default=0.2, ge=0, le=1)
    exam_share: float = Field(default=0.2, ge=0, lt=1)
    easy_share: float = Field(default=0.05, ge=0, lt=1)
    """Tiles of a batch that the detector is sure of, so that volunteers keep heart."""
    positive_share: float = Field(default=0.2, ge=0, lt=1)
    """Tiles of a batch likeliest to show an animal, as long as few settled tiles do."""
    blind_share: float = Field(default=0.1, ge=0, le=1)
    most_animals_per_tile: int = Field(default=25, ge=1)
    least_votes: int = Field(default=2, ge=1)
    """People who must agree on a tile, unless the first one saw nothing and that is sure enough."""
    most_votes: int = Field(default=5, ge=1)
    """People asked about a tile in all; then an expert decides."""
    wanted_risk: float = Field(default=0.05, gt=0)
    """The expected cost per animal below which a tile is retired."""
    cost_missed: float = Field(default=1, ge=0)
    cost_false: float = Field(default=1, ge=0)
    cost_misplaced: float = Field(default=2, ge=0)
    worthwhile: float = Field(default=0.004, ge=0)
    """An expert is asked when one more volunteer would lower the risk by less than this."""
    smallest_animal: float = Field(default=0, ge=0)
    """Pixels of the shorter side below which a box costs nothing."""
    gold_share: float = Field(default=0.04, ge=0, le=0.5)
    """Tiles with a known answer among those sent out, half to teach, half to measure."""
    gold_wanted: int = Field(default=2, ge=0)
    """Agreed tiles per batch that an expert is asked to settle as well, so that gold is not only what was disputed."""
    pair_experts: int = Field(default=2, ge=1)
    """Experts who are asked about a pair or a gallery at first."""
    merge_experts: int = Field(default=2, ge=1)
    """So many more experts must call two animals the same than different before they are one individual."""
    pairs_per_run: int = Field(default=60, ge=0)
    wrong_names: float = Field(default=0.02, ge=0, lt=1)
    """Share of the animals that may bear a wrong name by expectation; below it only pairs drawn by chance are asked."""
    detector_minutes: float = Field(default=12, gt=0)
    training_processes: int = Field(default=1, ge=1)
    """Processes that train one detector together, started by torchrun: one for each GPU, or one for a few cores."""
    backbone: str = "tf_efficientnet_lite0"
    """The network under the detector: what is installed with Haulout, or the name of any timm network."""
    backbone_weights: str = ""
    """A safetensors file with that network's weights; timm fetches them when empty, which needs internet."""
    warm_share: float = Field(default=0.5, ge=0, le=1)
    """Share of these minutes for a second detector that learns on from the serving one; the held-out days pick one."""
    held_out_share: float = Field(default=0.1, ge=0, lt=1)
    """Days of the training photos on which detectors are stopped, calibrated and picked, and that none learns from."""
    reidentifier_minutes: float = Field(default=4, gt=0)
    experiment_minutes: float = Field(default=2, ge=0)
    """Training of each of the three detectors that measure, every week, whether choosing beats chance; 0 for never."""
    worthwhile_gain: float = Field(default=0.005, ge=0)
    """AP50 that another 100 tiles must be able to bring, else nobody is asked to teach any more; 0 asks for ever."""
    least_ap50: float = Field(default=0.1, ge=0, le=1)
    """No detector below serves: deleting its boxes would be more work than drawing them."""
    missed_photos: float = Field(default=0.01, gt=0, lt=1)
    """The share of photos with animals that triage may set aside as empty; what it does is sure to 95 %."""
    static_weeks: float = Field(default=3, ge=1)
    """Weeks over which a box must come back at its place before a person is asked whether it is a rock."""
    weekly: str = "0 3 * * 1"
    """When the weekly run starts, in cron's five fields, UTC; what fell due while the computer was off follows."""
    low_room_mb: int = Field(default=500, ge=0)
    """Free megabytes of the home's disk below which the pages warn."""
    no_room_mb: int = Field(default=100, ge=0)
    """Free megabytes below which nothing is taken in, trained, exported or changed any more, until there is room."""
    backups_kept: int = Field(default=5, ge=1)
    """Backups in the home: one is made daily and before each change of the database, the oldest goes."""
    log: Literal["plain", "json"] = "plain"
    """How logs are written: lines for people, or a JSON object a line, as everything under `haulout up` does."""
    seed: int = 20261123
    language: Literal["en", "ru"] = "en"

    public_url: str = ""
    """The address under which people reach the pages, for instance https://walrus.example.org; `pages` when empty.

    With https, cookies travel encrypted only. Whatever ends TLS in front must be on this machine.
    """
    sign_up: Literal["open", "invite", "closed"] = "invite"
    """Who may sign up: everybody who passes the bot check, whoever has a link from `haulout invite`, or nobody."""
    lease_minutes: float = Field(default=20, gt=0)
    """How long a picture waits for the person it was given to, before somebody else gets it."""
    newcomer_tiles: int = Field(default=5, ge=0)
    """Answers after which a volunteer is no newcomer: until then they get easy pictures and no deciding vote."""
    thanks_every: int = Field(default=5, ge=1)
    """After so many answers people hear what these did."""

    admin_email: str = "operator@haulout.invalid"
    admin_password: str = ""
    secret_key: str = ""
    webhook_secret: str = ""
    redis_password: str = ""
    """Of the embedded server; one of your own has it in REDIS_URL."""

    @model_validator(mode="after")
    def _shares_fit(self) -> Self:
        """What is not chosen by worth must leave room for what is, or at least not exceed the batch."""
        parts = self.random_share + self.exam_share + self.easy_share + self.positive_share
        if parts > 1:
            raise ValueError(f"random, exam, easy and positive shares add up to {parts:.2f}; at most 1 fits in a batch")
        return self

    @property
    def database(self) -> str:
        """The SQLAlchemy URL of the coordinator's database."""
        return self.database_url or f"sqlite:///{self.home.resolve() / 'haulout.sqlite'}"

    @property
    def redis(self) -> str:
        """The URL of the Redis or Valkey that carries the queue."""
        who = f":{self.redis_password}@" if self.redis_password else ""
        return self.redis_url or f"redis://{who}127.0.0.1:{self.redis_port}/0"

    @property
    def label_studio(self) -> str:
        """The address at which people and the coordinator reach Label Studio."""
        return self.label_studio_url or f"http://127.0.0.1:{self.label_studio_port}"

    @property
    def pages(self) -> str:
        """The address of the coordinator's pages."""
        return f"http://{self.host}:{self.port}"

    @property
    def public(self) -> Path:
        """The folder of sanitised pictures, the only one that Label Studio may serve."""
        return self.home.resolve() / "public"

    def to_env(self) -> dict[str, str]:
        """Return the variables that give another process the same settings, without the passwords kept in the home."""
        names = set(type(self).model_fields) - set(_SECRET_FIELDS)
        given = {name: getattr(self, name) for name in sorted(names)} | {"home": self.home.resolve()}
        return {f"HAULOUT_{name.upper()}": str(value) for name, value in given.items() if value != ""}

    def secret_values(self) -> frozenset[str]:
        """Return what no log may show: passwords, keys, and those inside the addresses of servers."""
        kept = {getattr(self, name) for name in _SECRET_FIELDS}
        inside = {unquote(urlsplit(url).password or "") for url in (self.database_url, self.redis_url)}
        return frozenset((kept | inside) - {""})

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Self:
        """Read the settings; BadConfiguration names every wrong one at once."""
        given: dict[str, str] = {}
        for name in cls.model_fields:
            for variable in (f"HAULOUT_{name.upper()}", name.upper() if name in _PLAIN else ""):
                if variable and variable in environ:
                    given[name] = environ[variable]
        home = Path(given.get("home", "data"))
        try:
            return cls.model_validate(_secrets(home) | given)
        except ValidationError as error:
            wrong = "; ".join(
                f"HAULOUT_{str(e['loc'][0]).upper()}: {e['msg']}" if e["loc"] else e["msg"] for e in error.errors()
            )
            raise BadConfiguration(f"Settings that cannot be used: {wrong}. See `haulout --help`.") from error


_PLAIN = {"database_url", "redis_url", "label_studio_url", "label_studio_token"}
_SECRET_FIELDS = ("label_studio_token", "admin_password", "secret_key", "webhook_secret", "redis_password")


def make_secrets(home: Path) -> None:
    """Write the passwords and keys of a new home, readable by its owner only, as the home itself.

    Those of an existing home stay; what an older Haulout did not know is added.
    """
    path = home / "secrets.json"
    home.mkdir(parents=True, exist_ok=True)
    home.chmod(0o700)
    known = _secrets(home)
    missing = {name: secrets.token_hex(20) for name in _SECRET_FIELDS if not known.get(name)}
    if not missing:
        return
    part = path.with_suffix(".part")
    part.touch(mode=0o600)
    with part.open("w") as file:
        file.write(json.dumps(known | missing, indent=1))
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def _secrets(home: Path) -> dict[str, str]:
    path = home / "secrets.json"
    if not path.exists():
        return {}
    try:
        known = json.loads(path.read_text())
    except ValueError as error:
        raise BadConfiguration(f"{path} is not valid JSON ({error}). Restore it from a backup.") from error
    if not isinstance(known, dict):
        raise BadConfiguration(f"{path} holds no passwords by name. Restore it from a backup.")
    return known
