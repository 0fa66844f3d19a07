"""Label Studio's database is prepared when it is new, older or strange, and left alone otherwise."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from haulout.errors import ServiceUnavailable
from haulout.processes import prepare_label_studio
from haulout.processes.label_studio import DATABASE
from tests.conftest import EMAIL, PASSWORD, TOKEN

NOWHERE = Path("/nonexistent/python")


@pytest.fixture
def prepared(tmp_path, label_studio_python):
    """A folder whose database was prepared, and what prepares it again, by this Python or none."""
    from tests.conftest import REPOSITORY

    told: list[str] = []

    def prepare(python=label_studio_python) -> list[str]:
        told.clear()
        prepare_label_studio(python, tmp_path, REPOSITORY / ".cache", EMAIL, PASSWORD, TOKEN, told.append)
        return told

    prepare()
    return tmp_path, prepare


@pytest.mark.label_studio
def test_a_database_is_prepared_once_and_again_when_an_older_one_was_put_in_its_place(prepared):
    folder, prepare = prepared

    assert prepare(NOWHERE) == [], "nothing is started that takes seconds"

    with closing(sqlite3.connect(folder / DATABASE)) as database:
        database.execute("DELETE FROM django_migrations WHERE id = (SELECT max(id) FROM django_migrations)")
        database.commit()
    with pytest.raises(ServiceUnavailable):
        prepare(NOWHERE)


@pytest.mark.label_studio
def test_a_database_that_is_damaged_is_not_taken_for_a_prepared_one(prepared):
    folder, prepare = prepared
    (folder / DATABASE).write_bytes(b"no database")

    with pytest.raises(ServiceUnavailable):
        prepare()
