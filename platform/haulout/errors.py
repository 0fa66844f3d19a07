"""The errors the operator meets; each names the thing, the reason and what to do next."""


class HauloutError(Exception):
    """Something the operator can act on; the command line prints it without a traceback and exits with `exit_code`."""

    exit_code = 1


class BadConfiguration(HauloutError):
    """A setting is missing or wrong."""

    exit_code = 2


class ServiceUnavailable(HauloutError):
    """Label Studio, the database or the queue does not answer."""

    exit_code = 3


class DatabaseBusy(ServiceUnavailable):
    """Somebody else writes for so long that this could not; nothing of it was stored."""


class StorageFull(HauloutError):
    """The disk has no room left; nothing half-written stays behind."""

    exit_code = 4


class LeaseTaken(HauloutError):
    """Another process is at work."""


class LeaseLost(HauloutError):
    """Somebody took over what we thought we held; what we do now would be done twice."""


class UnknownFigure(HauloutError):
    """No figure of that name is estimated."""

    exit_code = 2


class NothingToEstimate(HauloutError):
    """Too little is known to tell a figure with an interval, or nothing is left to ask for it."""


class UnknownPerson(HauloutError):
    """Nobody of that name has answered anything."""


class BrokenModel(HauloutError):
    """The weights of a network are damaged, or are not those that were stored: it cannot be used."""


class BadImport(HauloutError):
    """A file of boxes that cannot be read, or not under this name."""


class BadPlace(HauloutError):
    """What is said of a site or a camera cannot be."""

    exit_code = 2


class BadToken(HauloutError):
    """A token cannot be made like this."""

    exit_code = 2


class UnknownToken(HauloutError):
    """No token has this name."""
