"""From what the machines have to how many workers there are and what each of them gets."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from lasaft_core.errors import InvalidOption

CPUS_PER_WORKER = 4.0  # a CPU worker gains little from more threads than this
_GROWING = "for nodes that Ray adds as they are asked for, give --workers and --cpus-per-worker"


@dataclass(frozen=True, slots=True)
class NodeResources:
    """What one machine offers; `gpus` may be logical ones."""

    cpus: float
    gpus: float = 0.0

    @classmethod
    def of(cls, resources: Mapping[str, float]) -> "NodeResources":
        return cls(cpus=resources.get("CPU", 0.0), gpus=resources.get("GPU", 0.0))

    def fits(self, share: "WorkerShare") -> int:
        """How many workers of this share the node holds."""
        by_cpu = int(self.cpus / share.cpus + 1e-9)
        return min(by_cpu, int(self.gpus / share.gpus + 1e-9)) if share.gpus else by_cpu


@dataclass(frozen=True, slots=True)
class WorkerShare:
    """One worker's part of a machine."""

    cpus: float
    gpus: float = 0.0

    @property
    def threads(self) -> int:
        return max(1, int(self.cpus))

    def actor_options(self) -> dict[str, object]:
        return {"num_cpus": self.cpus, "num_gpus": self.gpus, "max_restarts": 0}


@dataclass(frozen=True, slots=True)
class WorkerPlan:
    """How many workers to start, each with the same share."""

    count: int
    share: WorkerShare


def gpus_needed(asked: float, device: str) -> float:
    """Of a worker: it sees no GPU that it did not ask Ray for."""
    return asked or float(device.startswith("cuda"))


def _gpu_places(nodes: Sequence[NodeResources], gpus_per_worker: float) -> int:
    return sum(int(node.gpus / gpus_per_worker + 1e-9) for node in nodes)


def _check_gpus(nodes: Sequence[NodeResources], gpus_per_worker: float) -> None:
    if gpus_per_worker and not _gpu_places(nodes, gpus_per_worker):
        raise InvalidOption(
            "--gpus-per-worker",
            expected=f"at most {max((n.gpus for n in nodes), default=0.0):g}, the GPUs of a node",
            got=f"{gpus_per_worker:g}",
            remedy="use 0 and --device cpu to work on CPUs",
        )


def _check_cpus(nodes: Sequence[NodeResources], share: WorkerShare) -> None:
    if not any(node.fits(share) for node in nodes):
        widest = max(node.cpus for node in nodes if node.gpus + 1e-9 >= share.gpus)
        raise InvalidOption(
            "--cpus-per-worker",
            expected=f"at most {widest:g}, the CPUs of a node",
            got=f"{share.cpus:g}",
            remedy=_GROWING,
        )


def _default_share(nodes: Sequence[NodeResources], gpus_per_worker: float) -> WorkerShare:
    """With GPUs, a worker for each part of one, and as many CPUs as leave none of them idle."""
    if gpus_per_worker:
        share = _share_for(nodes, _gpu_places(nodes, gpus_per_worker), gpus_per_worker)
        return replace(share, cpus=min(CPUS_PER_WORKER, share.cpus))
    return WorkerShare(min(CPUS_PER_WORKER, max(node.cpus for node in nodes)))


def _share_for(nodes: Sequence[NodeResources], workers: int, gpus: float) -> WorkerShare:
    """The largest share, in whole CPUs where there are enough, of which `workers` fit."""
    widest = max(node.cpus for node in nodes)
    sizes = [*range(int(widest), 0, -1), *(size / 100 for size in range(99, 0, -1))]
    shares = [WorkerShare(float(cpus), gpus) for cpus in sizes]
    for share in shares:
        if sum(node.fits(share) for node in nodes) >= workers:
            return share
    return shares[-1]


def plan_workers(
    nodes: Sequence[NodeResources],
    *,
    workers: int | None,
    gpus_per_worker: float,
    tasks: int,
    cpus_per_worker: float | None = None,
) -> WorkerPlan:
    """Never more workers than tasks; without a number, as many as fit. A share is the same for few
    tasks as for many, so that a run fits into what another one frees.

    `cpus_per_worker` is asked of Ray as it stands; with `workers`, before there is any node for it.
    """
    if workers is not None and cpus_per_worker is not None:
        return WorkerPlan(min(workers, tasks), WorkerShare(cpus_per_worker, gpus_per_worker))
    nodes = [node for node in nodes if node.cpus > 0]
    if not nodes:
        raise InvalidOption("Ray cluster", expected="a node with CPUs", got="none", remedy=_GROWING)
    _check_gpus(nodes, gpus_per_worker)
    if workers is not None:
        return WorkerPlan(min(workers, tasks), _share_for(nodes, workers, gpus_per_worker))
    if cpus_per_worker is not None:
        share = WorkerShare(cpus_per_worker, gpus_per_worker)
        _check_cpus(nodes, share)
    else:
        share = _default_share(nodes, gpus_per_worker)
    return WorkerPlan(max(1, min(tasks, sum(n.fits(share) for n in nodes))), share)
