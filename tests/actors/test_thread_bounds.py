"""Real workers with a small network on a real local Ray: together they have the machine's threads
and no more."""

from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from threading import Event

import numpy as np
import pytest
import soundfile
from thread_counter import ThreadCounter, threads_of_pools

from lasaft_core.checkpoints import load_checkpoint
from lasaft_core.storage import stat
from ray_actors.messages import PoolOptions, TrackTask
from ray_actors.pool import RayPool

CHECKPOINT = Path(__file__).parents[1] / "golden" / "tfc_gpocm_lasaft.ckpt"


def song(folder: Path, number: int) -> TrackTask:
    path = folder / f"{number}.wav"
    noise = np.random.default_rng(number).uniform(-0.2, 0.2, (20_000, 2))
    soundfile.write(path, noise, 44100)
    return TrackTask(stat(f"file://{path}"), "new", audio_seconds_estimate=1.0)


@pytest.fixture
def network_settings(settings):
    """Of a worker with a small network, for one target."""
    return replace(
        settings,
        checkpoint=str(CHECKPOINT),
        weights_sha256=load_checkpoint(str(CHECKPOINT)).sha256,
        song=replace(settings.song, targets=("vocals",)),
    )


@pytest.mark.usefixtures("local_ray")
@pytest.mark.parametrize("workers", [1, 2])
def test_all_workers_together_compute_with_as_many_threads_as_there_are_cpus(
    network_settings, tmp_path, workers
):
    tasks = [song(tmp_path, number) for number in range(workers)]

    pool = RayPool(network_settings, PoolOptions(workers=workers), ThreadCounter)
    results = list(pool.run(tasks, stop=Event()))

    assert [result.windows for result in results] == [2 // workers] * workers


@pytest.mark.parametrize("threads", [1, 2])
def test_a_worker_has_one_pool_of_threads_whoever_asks(network_settings, tmp_path, threads):
    tasks = [song(tmp_path, number) for number in range(3)]
    settings = replace(network_settings, threads=threads)

    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        pool_threads = process.submit(threads_of_pools, settings, tasks).result()

    assert pool_threads == threads - 1
