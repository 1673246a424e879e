"""The Ray that a run works on: the one of RAY_ADDRESS, or a private one for the run's own time."""

import logging
import os
import signal
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import ray
from ray.exceptions import RayError

from lasaft_core.errors import WorkersUnavailable
from ray_actors.credentials import redacted
from ray_actors.resources import NodeResources

OBJECT_STORE_BYTES: Final = 100 * 1024 * 1024  # no audio passes through it
_LOCAL_REMEDY = "`--executor inline` does without it"
_CLUSTER_REMEDY = (
    "let it run with the same Ray and Python as here and take this token, or unset RAY_ADDRESS"
)
_LOOPBACK = "127.0.0.2"  # Ray takes 127.0.0.1 for "find out yourself"


def _local_options() -> dict[str, Any]:
    return {
        "address": "local",  # else Ray takes any cluster that was started on this machine
        "include_dashboard": False,
        "object_store_memory": OBJECT_STORE_BYTES,
        "_node_ip_address": _LOOPBACK if sys.platform == "linux" else None,
    }


@contextmanager
def _signal_handlers_kept() -> Iterator[None]:
    """Ray takes SIGTERM for itself when it starts; its caller had plans for it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handler = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, handler)


@contextmanager
def ray_cluster() -> Iterator[None]:
    """Leaves no process behind; a Ray that was running before stays as it was. Raises
    WorkersUnavailable where there is none to be had."""
    if ray.is_initialized():
        yield
        return
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("MALLOC_ARENA_MAX", "1")  # of the workers: lasaft_core/allocator.py
    options = {} if os.environ.get("RAY_ADDRESS") else _local_options()
    try:
        _init(options)
        yield
    finally:
        ray.shutdown()


def _init(options: Mapping[str, Any]) -> None:
    try:
        with _signal_handlers_kept():
            ray.init(log_to_driver=False, logging_level=logging.WARNING, **options)
    except (OSError, RuntimeError, ValueError, RayError) as error:
        raise WorkersUnavailable(
            "Ray does not start" if options else "the Ray of RAY_ADDRESS can't be used",
            got=redacted(str(error)),
            remedy=_LOCAL_REMEDY if options else _CLUSTER_REMEDY,
        ) from error


def node_resources() -> list[NodeResources]:
    nodes = ray.nodes()  # type: ignore[no-untyped-call]
    return [NodeResources.of(node["Resources"]) for node in nodes if node["Alive"]]
