"""Checks predictions before they leave: Label Studio takes broken ones without a word and then shows nothing."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from haulout.label_studio.refusals import BrokenPrediction
from haulout.label_studio.values import Result


def check_predictions(xml: str, results: Mapping[str, Result]) -> None:
    """Raise BrokenPrediction naming every result that does not fit the labeling configuration, with the reason."""
    interface = _interface(xml)
    wrong = {}
    for name, result in results.items():
        errors = interface.validate_prediction({"result": list(result)}, return_errors=True)
        if errors:
            wrong[name] = "; ".join(errors)
    if wrong:
        told = "\n".join(f"  {name}: {reason}" for name, reason in list(wrong.items())[:10])
        raise BrokenPrediction(
            f"{len(wrong)} of {len(results)} predictions do not fit the labeling configuration:\n{told}\n"
            "Was a label or a tag renamed in the .xml without its .py?"
        )


@lru_cache(maxsize=8)
def _interface(xml: str) -> Any:
    from label_studio_sdk.label_interface.interface import LabelInterface

    return LabelInterface(xml)
