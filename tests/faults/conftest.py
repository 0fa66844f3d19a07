"""What tests of faults borrow from those of the platform: a home, a Label Studio in memory, a season."""

from tests.platform.conftest import coordinator, make_services, services  # noqa: F401
from tests.platform.web.api.conftest import interface, make_header, told, told_once  # noqa: F401
from tests.platform.web.conftest import album, app, client, empty_home, people, rung, season  # noqa: F401
