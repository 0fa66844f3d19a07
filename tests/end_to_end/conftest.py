"""A drawn season, and coordinators that share one Label Studio; each finds it empty."""

import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import httpx
import pytest
from waitress.server import create_server

from haulout.bootstrap import build
from haulout.config import Settings
from haulout.services import Services
from haulout.simulation.season import SPIT, SeasonPlan, write_season
from haulout.simulation.truth import Truth
from haulout.web import create_app

PLAN = SeasonPlan(
    "Tern Skerry",
    date(2031, 8, 1),
    12,
    2,
    burst=2,
    max_animals=6,
    quiet=0.75,
    individuals=6,
    seed=7,
    width=480,
    height=360,
    cameras=(SPIT,),
)
"""24 bursts of one camera: enough for an exam and for a training that takes seconds."""


@dataclass(frozen=True)
class DrawnSeason:
    """The memory card and what is really on it."""

    card: Path
    truth: Truth


@pytest.fixture(scope="session")
def drawn_season(tmp_path_factory: pytest.TempPathFactory) -> DrawnSeason:
    folder = tmp_path_factory.mktemp("season")
    return DrawnSeason(folder / "photos", write_season(folder, PLAN, lambda _done, _total: None))


@pytest.fixture
def empty_label_studio(label_studio_server) -> Iterator[None]:
    """Remove all projects before and after: a project is known by its question, so two seasons would share them."""
    headers = {"Authorization": f"Token {label_studio_server.token}"}
    with httpx.Client(base_url=label_studio_server.url, headers=headers, timeout=60) as http:

        def remove_projects() -> None:
            for project in http.get("/api/projects/", params={"page_size": 100}).json()["results"]:
                http.delete(f"/api/projects/{project['id']}/").raise_for_status()

        remove_projects()
        yield
        remove_projects()


@pytest.fixture
def settings_for(empty_label_studio, label_studio_server, free_port) -> Callable[[str], Settings]:
    """Return settings with the database given; the home holds the folder of pictures that Label Studio serves."""

    def make(database: str) -> Settings:
        return Settings(
            home=label_studio_server.documents.parent,
            port=free_port(),
            database_url=database,
            label_studio_url=label_studio_server.url,
            label_studio_token=label_studio_server.token,
            site=PLAN.site,
            starter="none",
            batch_size=18,
            exam_share=0.3,
            random_share=0.1,
            pairs_per_run=8,
            detector_minutes=1.0,  # on a slow machine too, enough to show boxes
            least_ap50=0.0,  # so short a training may fail a real exam
            reidentifier_minutes=0.05,
            experiment_minutes=0.02,
            seed=8,
            secret_key="a key for tests",
            webhook_secret="a bell for tests",
        )

    return make


@pytest.fixture
def coordinator_for(settings_for: Callable[[str], Settings], tmp_path: Path) -> Callable[[str], Services]:
    """Return the services a coordinator with this database works with; the networks of other tests stay apart."""

    def make(database: str) -> Services:
        return replace(build(settings_for(database)), weights=tmp_path / "weights")

    return make


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Return the folder of the project's real photographs."""
    repository = Path(__file__).resolve().parents[2]
    folder = Path(os.environ.get("HAULOUT_SHARED_DATA", repository.parent / "shared" / "data"))
    if not folder.exists():
        reason = f"no real photographs at {folder}; set HAULOUT_SHARED_DATA"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    return folder


@pytest.fixture(scope="session")
def screenshots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder in which continuous integration keeps the pictures of the pages."""
    wanted = os.environ.get("HAULOUT_SCREENSHOTS")
    folder = Path(wanted) if wanted else tmp_path_factory.mktemp("screenshots")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture
def address(home: Services) -> Iterator[str]:
    """Serve the pages of the test's own home."""
    server = create_server(create_app(home), host="127.0.0.1", port=0)
    threading.Thread(target=server.run, daemon=True).start()
    yield f"http://127.0.0.1:{server.effective_port}"
    server.close()
