"""The programs that Haulout runs on one machine, as plain data, and the supervisor that keeps them running."""

from haulout.processes.label_studio import label_studio_program, prepare_label_studio
from haulout.processes.programs import Program
from haulout.processes.supervisor import Supervisor
from haulout.processes.valkey import valkey_program

__all__ = ["Program", "Supervisor", "label_studio_program", "prepare_label_studio", "valkey_program"]
