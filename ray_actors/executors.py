"""The executors by name. Ray is imported only where it is asked for."""

from collections.abc import Callable
from typing import Final

from ray_actors.inline import InlinePool
from ray_actors.messages import PoolOptions, TrackPool, WorkerSettings


def _ray_pool(settings: WorkerSettings, options: PoolOptions) -> TrackPool:
    from ray_actors.pool import RayPool  # noqa: PLC0415

    return RayPool(settings, options)


EXECUTORS: Final[dict[str, Callable[[WorkerSettings, PoolOptions], TrackPool]]] = {
    "ray": _ray_pool,
    "inline": InlinePool,
}


def open_pool(executor: str, settings: WorkerSettings, options: PoolOptions) -> TrackPool:
    return EXECUTORS[executor](settings, options)
