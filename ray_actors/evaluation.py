"""Songs scored on Ray, or in this process: one task a song, one loaded network a process.

Ray tries a song again whose process died. A song that fails all the same is reported, the others
go on.
"""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from lasaft_core.errors import LasaftError
from lasaft_core.evaluation.scores import Scores, score_song
from lasaft_core.musdb import Song
from lasaft_core.separator import Separator

logger = logging.getLogger(__name__)
_TRIES_AFTER_DEATH = 2


@dataclass(frozen=True, slots=True)
class EvaluationSettings:
    """What scores depend on beside the song, and how many threads compute them."""

    checkpoint: str
    device: str
    precision: str
    overlap: float
    threads: int | None = None


@dataclass(frozen=True, slots=True)
class ScoredSong:
    """`scores`, or the error that kept the song from them."""

    song: Song
    scores: Scores | None
    error: str | None = None


def score_here(songs: Sequence[Song], settings: EvaluationSettings) -> Iterator[ScoredSong]:
    """One after the other in this process."""
    for song in songs:
        yield _scored(settings, song)


def score_on_ray(
    songs: Sequence[Song],
    settings: EvaluationSettings,
    *,
    workers: int | None = None,
    gpus_per_worker: float = 0.0,
    cpus_per_worker: float | None = None,
) -> Iterator[ScoredSong]:
    """In parallel, in the order in which they are done."""
    import ray  # noqa: PLC0415  only where it is asked for

    from ray_actors.cluster import node_resources, ray_cluster  # noqa: PLC0415
    from ray_actors.resources import gpus_needed, plan_workers  # noqa: PLC0415

    with ray_cluster():
        plan = plan_workers(
            node_resources(),
            workers=workers,
            gpus_per_worker=gpus_needed(gpus_per_worker, settings.device),
            cpus_per_worker=cpus_per_worker,
            tasks=len(songs),
        )
        settings = replace(settings, threads=plan.share.threads)
        share, retries = plan.share, _TRIES_AFTER_DEATH
        remote = ray.remote(num_cpus=share.cpus, num_gpus=share.gpus, max_retries=retries)(_scored)
        waiting = {remote.remote(settings, song): song for song in songs}
        while waiting:
            (done,), _ = ray.wait(list(waiting), num_returns=1)
            song = waiting.pop(done)
            try:
                yield ray.get(done)
            except ray.exceptions.RayError as error:
                yield ScoredSong(song, None, f"{type(error).__name__}: {error}".splitlines()[0])


@lru_cache(maxsize=1)
def _separator(settings: EvaluationSettings) -> Separator:
    return Separator.load(
        settings.checkpoint,
        device=settings.device,
        precision=settings.precision,
        threads=settings.threads,
    )


def _scored(settings: EvaluationSettings, song: Song) -> ScoredSong:
    try:
        scores = score_song(_separator(settings), song, overlap=settings.overlap)
    except Exception as error:
        logger.warning("event=song_failed song=%s", song.name, exc_info=True)
        name = "" if isinstance(error, LasaftError) else f"{type(error).__name__}: "
        return ScoredSong(song, None, f"{name}{error}")
    return ScoredSong(song, scores)
