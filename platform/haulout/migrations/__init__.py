"""How a database of an older Haulout becomes one of today; each revision is frozen and imports nothing that changes."""

import logging

logging.getLogger("alembic").setLevel(logging.WARNING)  # from the start: it tells of its own plugins while it loads
