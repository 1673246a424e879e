"""Real workers with a small network on a real local Ray: together they have the machine's threads
and no more."""

from dataclasses import replace
from pathlib import Path
from threading import Event

import numpy as np
import pytest
import soundfile
from thread_counter import ThreadCounter

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


@pytest.mark.usefixtures("local_ray")
@pytest.mark.parametrize(("workers", "pool_threads"), [(1, 1), (2, 0)])
def test_all_workers_together_compute_with_as_many_threads_as_there_are_cpus(
    settings, tmp_path, workers, pool_threads
):
    settings = replace(
        settings,
        checkpoint=str(CHECKPOINT),
        weights_sha256=load_checkpoint(str(CHECKPOINT)).sha256,
        song=replace(settings.song, targets=("vocals",)),
    )
    tasks = [song(tmp_path, number) for number in range(workers)]

    pool = RayPool(settings, PoolOptions(workers=workers), ThreadCounter)
    results = list(pool.run(tasks, stop=Event()))

    assert max(result.windows for result in results) <= pool_threads
