"""Step 8 of the loop: train on the consensus, examine, and promote only what is not worse."""

from haulout.retrain.decisions import NoSuchModel, promote, rollback
from haulout.retrain.detector import retrain_detector
from haulout.retrain.experiment import measure_choice
from haulout.retrain.reidentifier import retrain_reidentifier

__all__ = ["NoSuchModel", "measure_choice", "promote", "retrain_detector", "retrain_reidentifier", "rollback"]
