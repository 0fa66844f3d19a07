"""What Label Studio can say no to."""

from haulout.errors import HauloutError

EXCERPT = 400


class LabelStudioRefused(HauloutError):
    """Label Studio answered with an error; `status` is the HTTP status and `body` what it said."""

    def __init__(self, asked: str, status: int, body: str) -> None:
        self.status, self.body = status, body
        super().__init__(f"Label Studio refused {asked} with status {status}: {body[:EXCERPT]}. {_advice(status)}")


class BrokenPrediction(HauloutError):
    """A prediction does not fit the project's labeling configuration; Label Studio would drop it or show nothing."""


class PredictionsLost(HauloutError):
    """Label Studio took fewer predictions than it was given."""


def _advice(status: int) -> str:
    if status == 401:
        return "Is LABEL_STUDIO_TOKEN a legacy token of a user, and are legacy tokens allowed in the organization?"
    if status == 403:
        return "The log-in or the invitation is not valid any more; ask the operator for a new one."
    if status == 404:
        return "Was the project or task deleted in Label Studio? `haulout status` compares both sides."
    if status >= 500:
        return "Its log is logs/label_studio.log in the home folder."
    return "This is a mistake in Haulout or an unknown version of Label Studio; it was tested with 1.23.2."
