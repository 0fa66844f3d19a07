"""The processes that train one network together, and the device each computes on: one processor, or many GPUs."""

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, distributed, nn

CPU = torch.device("cpu")
_JOINED = "WORLD_SIZE"
"""torchrun tells each of its processes so how many they are."""


@dataclass(frozen=True)
class Team:
    """Rank 0 leads: it alone looks at the clock, tells of progress and writes files."""

    rank: int = 0
    size: int = 1
    device: torch.device = CPU

    @property
    def leads(self) -> bool:
        """Whether this process does what only one may do."""
        return self.rank == 0

    def as_told(self, number: float) -> float:
        """Return the leader's number, so that all come to the same decision."""
        if self.size == 1:
            return number
        told = torch.tensor([number], dtype=torch.float64, device=self.device)
        distributed.broadcast(told, 0)
        return float(told)

    def average_gradients(self, weights: Iterable[nn.Parameter]) -> None:
        """Give every process the mean of all their gradients, in one message."""
        if self.size == 1:
            return
        gradients = [weight.grad for weight in weights if weight.grad is not None]
        whole = torch.cat([gradient.flatten() for gradient in gradients])
        distributed.all_reduce(whole)
        for gradient, part in zip(gradients, torch.split(whole, [g.numel() for g in gradients]), strict=True):
            gradient.copy_(part.view_as(gradient) / self.size)

    def share(self, tensors: Iterable[Tensor]) -> None:
        """Give every process the leader's tensors."""
        if self.size > 1:
            for tensor in tensors:
                distributed.broadcast(tensor, 0)


ALONE = Team()


def alone() -> Team:
    """One process, on the first GPU if there is one."""
    return Team(device=torch.device("cuda", 0)) if torch.cuda.is_available() else ALONE


@contextmanager
def joined(environment: Mapping[str, str] = os.environ) -> Iterator[Team]:
    """Join the processes that torchrun started, each on a GPU of its own where there are any."""
    if int(environment.get(_JOINED, "1")) == 1:
        yield alone()
        return
    gpu = torch.cuda.is_available()
    distributed.init_process_group("nccl" if gpu else "gloo")
    device = torch.device("cuda", int(environment["LOCAL_RANK"])) if gpu else CPU
    try:
        yield Team(distributed.get_rank(), distributed.get_world_size(), device)
    finally:
        distributed.destroy_process_group()
