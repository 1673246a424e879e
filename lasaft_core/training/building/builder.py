"""Hours of songs in the layout of MUSDB18-HQ, in parallel, resumed where it was stopped.

    OUT/{train,valid}/SONG/{mixture,vocals,drums,bass,other}.wav, song.json
    OUT/accompaniments/SOURCE-NAME.wav   recorded music without a voice; `estimating.py` makes
                           songs `train/estimated-SOURCE-NAME` of them
    OUT/manifest.json      all songs, and every source with its licence and attribution; also
                           the networks that estimated stems

A song depends on its seed and the sources alone, and its folder appears whole. What is held out
of the sources plays in `valid` only. Recorded songs go in beside those that are built, as a whole,
and so do solos to train on, beside three silent stems.
"""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, replace
from itertools import product
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final
from zlib import crc32

import numpy as np
import soundfile

from lasaft_core.errors import InvalidOption
from lasaft_core.musdb import ESTIMATED_BY, FACTS, facts_of
from lasaft_core.training.building.folders import MANIFEST, SUBTYPE, write_folder
from lasaft_core.training.building.multitracks import recorded_song, stereo
from lasaft_core.training.building.players import SYNTHESIS
from lasaft_core.training.building.score import RATE
from lasaft_core.training.building.songs import BuiltSong, build_song
from lasaft_core.training.building.sources import (
    INSTRUMENTALS,
    MULTITRACKS,
    SOLOS,
    Source,
    find_sources,
    of_split,
)

_SEEDS_OF_SPLIT: Final = {"valid": 0, "train": 1_000_000}
_NOT_PLAYED: Final = (MULTITRACKS, INSTRUMENTALS, SOLOS)
_BUILT: Final = "song-"  # and its seed
_SOURCE_FACTS = ("kind", "name", "licence", "attribution", "held_out")


@dataclass(frozen=True, slots=True)
class BuildSettings:
    """How much to build; `hours` are those of `train`."""

    hours: float
    seed: int = 0
    song_seconds: float = 30.0
    validation_songs: int = 16
    workers: int = 1

    def __post_init__(self) -> None:
        if self.hours <= 0 or self.song_seconds < 4 or self.workers < 1:
            raise InvalidOption(
                "data to build",
                expected="hours above 0, songs of 4 seconds or more, a worker",
                got=f"{self.hours:g} h of {self.song_seconds:g} s by {self.workers}",
            )


@dataclass(frozen=True, slots=True)
class SongTask:
    """One song to build from all `sources`."""

    folder: Path
    sources: tuple[Source, ...]
    seed: int
    seconds: float

    def build(self) -> BuiltSong:
        return build_song(self.sources, self.seed, self.seconds)


@dataclass(frozen=True, slots=True)
class RecordedTask:
    """One recorded song, or a solo; `seed` draws the effects of one that is dry."""

    folder: Path
    source: Source
    seed: int | None = None

    def build(self) -> BuiltSong:
        return recorded_song(self.source, self.seed)


Task = SongTask | RecordedTask


def build(
    sources_folder: Path, out: Path, settings: BuildSettings, on_song: Callable[[int, int], None]
) -> dict[str, Any]:
    """Builds what is missing, returns the manifest; `on_song` gets songs done and in all."""
    sources = find_sources(sources_folder)
    _check_credits(sources, out)
    _check_length(out, settings)
    tasks = _tasks(sources, out, settings)
    _check_names([task.folder for task in tasks])
    _write_accompaniments(sources, out)
    missing = [task for task in tasks if not task.folder.exists()]
    on_song(len(tasks) - len(missing), len(tasks))
    # A process for each song: WORLD draws from random numbers that go on from song to song.
    with ProcessPoolExecutor(
        settings.workers, mp_context=get_context("spawn"), max_tasks_per_child=1
    ) as pool:
        futures = [pool.submit(write_song, task) for task in missing]
        try:
            for number, future in enumerate(as_completed(futures), 1):
                future.result()
                on_song(len(tasks) - len(missing) + number, len(tasks))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return _write_manifest(sources, out, settings)


def _tasks(sources: Sequence[Source], out: Path, settings: BuildSettings) -> list[Task]:
    songs = {
        "valid": settings.validation_songs,
        "train": max(1, round(settings.hours * 3600 / settings.song_seconds)),
    }
    tasks: list[Task] = []
    for split, count in songs.items():
        playing = tuple(s for s in of_split(sources, split) if s.kind not in _NOT_PLAYED)
        recorded = [
            source
            for source in sources
            if source.kind == MULTITRACKS and source.held_out == (split == "valid")
        ]
        tasks += [RecordedTask(out / split / source.name, source) for source in recorded]
        for number in range(count):
            seed = settings.seed * 10_000_000 + _SEEDS_OF_SPLIT[split] + number
            folder = out / split / f"{_BUILT}{seed:08}"
            tasks.append(SongTask(folder, playing, seed, settings.song_seconds))
    return tasks + _solos(sources, out)


def _solos(sources: Sequence[Source], out: Path) -> list[Task]:
    """A song of one stem for each take of each recording of those that are trained on."""
    tasks: list[Task] = []
    for source in sources:
        if source.solo_of and not source.held_out:
            for file, take in product(source.files, range(1, source.takes + 1)):
                name = f"{source.name}-{file.stem}{f'-take-{take}' if take > 1 else ''}"
                solo = replace(source, files=(file,), stems={source.solo_of: ("*",)})
                seed = crc32(name.encode()) if source.is_dry else None
                tasks.append(RecordedTask(out / "train" / name, solo, seed))
    return tasks


def write_song(task: Task) -> None:
    """One song's files as 16-bit WAV; the mixture is the sum of the stems as written."""
    song = task.build()
    rounded = {
        target: (np.round(audio * 32768) / 32768).astype(np.float32)
        for target, audio in song.stems.items()
    }
    rounded["mixture"] = np.sum(list(rounded.values()), axis=0)
    facts = {"seed": task.seed, "score": song.score, "sources": song.credits}
    write_folder(task.folder, rounded, facts)


def _instrumentals(sources: Sequence[Source]) -> list[Source]:
    """Those that are trained on."""
    return [source for source in sources if source.kind == INSTRUMENTALS and not source.held_out]


def _accompaniments(sources: Sequence[Source], out: Path) -> dict[Path, tuple[str, Path]]:
    """Files to train on, each with its source and the file that it is made of."""
    pairs = [
        (out / "accompaniments" / f"{source.name}-{file.stem}.wav", (source.name, file))
        for source in _instrumentals(sources)
        for file in source.files
    ]
    _check_names([wanted for wanted, _ in pairs])
    return dict(pairs)


def _check_names(wanted: Sequence[Path]) -> None:
    """Raises InvalidOption where two recordings of a source would be one."""
    twice = [path.name for path, count in Counter(wanted).items() if count > 1]
    if twice:
        raise InvalidOption(
            "sources",
            expected="another name for each recording, whatever its folder",
            got=f"{twice[0]} more than once",
            remedy="rename one of its files",
        )


def _check_length(out: Path, settings: BuildSettings) -> None:
    """Raises InvalidOption where a song that is built is of another length: all are of one."""
    song = next(out.glob(f"*/{_BUILT}*/mixture.wav"), None)
    if song is not None:
        built = soundfile.info(song).frames
        if built != round(settings.song_seconds * RATE):
            raise InvalidOption(
                "song seconds",
                expected=f"{built / RATE:g}, as in {out}",
                got=f"{settings.song_seconds:g}",
                remedy="give another --out",
            )


def _write_accompaniments(sources: Sequence[Source], out: Path) -> None:
    """Those that are missing, as 16-bit WAV."""
    for wanted, (_, file) in _accompaniments(sources, out).items():
        if not wanted.exists():
            wanted.parent.mkdir(parents=True, exist_ok=True)
            part = wanted.with_name(f".{wanted.name}.part")
            soundfile.write(part, stereo(file), RATE, subtype=SUBTYPE, format="WAV")
            part.replace(wanted)


def _songs(out: Path) -> dict[str, Any]:
    """What is known of each song that is built, by split and name."""
    return {
        f"{file.parent.parent.name}/{file.parent.name}": facts_of(file.parent)
        for file in sorted(out.glob(f"*/*/{FACTS}"))
        if not file.parent.name.startswith(".")
    }


def _check_credits(sources: Sequence[Source], out: Path) -> None:
    """Raises InvalidOption for what was built from sources that nobody could be credited for, or
    that names none."""
    known = {source.name for source in sources} | {SYNTHESIS}
    lost = {name for name, facts in _songs(out).items() if not _names(facts.get("sources"), known)}
    accompaniments = _accompaniments(sources, out)
    lost |= {
        f"accompaniments/{file.name}"
        for file in (out / "accompaniments").glob("[!.]*.wav")
        if file not in accompaniments
    }
    if lost:
        first, *more = sorted(lost)
        raise InvalidOption(
            f"what is built in {out}",
            expected="songs of the present sources",
            got=f"{first} and {len(more)} more of others" if more else f"{first} of others",
            remedy="put their sources back, or remove them",
        )


def _names(sources: object, known: set[str]) -> bool:
    """Whether it is a list of these names, and not an empty one."""
    if not isinstance(sources, list) or not sources:
        return False
    return all(isinstance(name, str) and name in known for name in sources)


def _write_manifest(
    sources: Sequence[Source], out: Path, settings: BuildSettings
) -> dict[str, Any]:
    songs = _songs(out)
    used = {name for facts in songs.values() for name in facts["sources"]} - {SYNTHESIS}
    used |= {source.name for source in _instrumentals(sources)}
    manifest = {
        "settings": asdict(settings),
        "sources": list(
            {
                source.name: {fact: getattr(source, fact) for fact in _SOURCE_FACTS}
                for source in sources
                if source.name in used
            }.values()
        ),
        "songs": songs,
        "networks": list(
            {
                facts[ESTIMATED_BY]["sha256"]: facts[ESTIMATED_BY]
                for facts in songs.values()
                if ESTIMATED_BY in facts
            }.values()
        ),
        "accompaniments": {
            file.name: source for file, (source, _) in _accompaniments(sources, out).items()
        },
    }
    part = out / f".{MANIFEST}.part"
    part.write_text(json.dumps(manifest, indent=1, ensure_ascii=False) + "\n")
    part.replace(out / MANIFEST)
    return manifest
