# ruff: noqa: INP001 - a folder of two programs for another environment, not a package
"""Migrates Label Studio's database and makes its first user, without starting a server.

Run it with Label Studio's own Python, the folder LABEL_STUDIO_BASE_DATA_DIR as the place of the database. The first
user is LABEL_STUDIO_USERNAME with LABEL_STUDIO_PASSWORD and LABEL_STUDIO_USER_TOKEN; without them only tables are made.
"""

import os
import sys
from argparse import Namespace

from label_studio import server

USER = ("LABEL_STUDIO_USERNAME", "LABEL_STUDIO_PASSWORD", "LABEL_STUDIO_USER_TOKEN")


def migrate() -> None:
    """Bring the database up to this version of Label Studio; takes one to two minutes on an empty one."""
    server._setup_env()
    server._apply_database_migrations()
    from django.db import connection

    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:  # stays with the file; readers no longer block writers
            cursor.execute("PRAGMA journal_mode=wal")


def make_first_user() -> None:
    """Make the administrator with a token that the coordinator can use; a user of that name is left as it is."""
    given = {name: os.environ.get(name, "") for name in USER}
    if not any(given.values()):
        return
    missing = [name for name, value in given.items() if not value]
    if missing:
        sys.exit(f"The first user of Label Studio also needs {', '.join(missing)}")
    username, password, token = given.values()
    # `enable_legacy_api_token`: the newer tokens last five minutes and cannot be chosen beforehand.
    answers = Namespace(
        username=username, password=password, user_token=token, quiet_mode=True, enable_legacy_api_token=True
    )
    server._create_user(answers, {})


if __name__ == "__main__":
    migrate()
    make_first_user()
