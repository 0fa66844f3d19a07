"""What somebody may do here: each role may do what the one before may."""

from enum import StrEnum

from labeling_configs import vocabulary


class Role(StrEnum):
    """The roles of who may sign in, ordered by what they may do."""

    VOLUNTEER = vocabulary.Role.VOLUNTEER.value
    EXPERT = vocabulary.Role.EXPERT.value
    OPERATOR = vocabulary.Role.OPERATOR.value

    @property
    def rank(self) -> int:
        """Return a number that grows with what the role may do; 0 is somebody who is not signed in."""
        return 1 + list(Role).index(self)

    @property
    def wants_second_factor(self) -> bool:
        """Say whether a password alone does not open an account of this role."""
        return self is not Role.VOLUNTEER
