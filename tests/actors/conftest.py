"""One local Ray for all tests of the actors, and settings for workers that are no network."""

import os
import sys
from collections.abc import Iterator

import pytest

from lasaft_core.song import SongOptions
from ray_actors.messages import WorkerSettings


@pytest.fixture(scope="session")
def local_ray() -> Iterator[None]:
    """Two CPUs and two GPUs that exist by name alone."""
    import ray

    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("RAY_USAGE_STATS_ENABLED", "0")
        environment.setenv("PYTHONPATH", os.pathsep.join(path for path in sys.path if path))
        ray.init(
            "local",
            num_cpus=2,
            num_gpus=2,
            include_dashboard=False,
            object_store_memory=100 * 1024 * 1024,
            log_to_driver=False,
            _node_ip_address="127.0.0.2",
        )
    yield
    ray.shutdown()


@pytest.fixture
def settings(tmp_path) -> WorkerSettings:
    return WorkerSettings(
        dest=f"file://{tmp_path}/dest",
        checkpoint="none",
        song=SongOptions(),
        fingerprint="f" * 64,
        weights_sha256="0" * 64,
        model_name="fake",
        weights_licence="MIT",
        run_id="run",
    )
