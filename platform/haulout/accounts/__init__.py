"""Who may sign in here, as what, and for how long."""

from haulout.accounts.roles import Role
from haulout.accounts.sessions import Asker

__all__ = ["Asker", "Role"]
