"""One loaded network and what it does to one track after another. Knows no Ray.

    fetch (hashed) -> adopt what is there already -> decode -> separate -> encode, publish -> row

Tracks may be processed from several threads: while one is on the device, the next is fetched and
its decoding begun, and the last is encoded and uploaded, one track in each of the three. `process`
holds the project's one broad catch: whatever goes wrong with a track becomes its row.
"""

import os
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock
from typing import Protocol, Self
from uuid import uuid4

from lasaft_core.audio.drafts import check_room
from lasaft_core.catalog.publication import StemStore, row_of
from lasaft_core.catalog.rows import TrackRow
from lasaft_core.errors import UnreadableCheckpoint
from lasaft_core.scratch import Scratch
from lasaft_core.song import DraftedSong, OpenSong, SongResult, open_song
from lasaft_core.song_stream import SongSeparator
from lasaft_core.storage import Fetched, fetch, join
from ray_actors.attempts import Attempt
from ray_actors.credentials import take_over
from ray_actors.device_thread import DeviceThread
from ray_actors.messages import OnTick, TrackResult, TrackTask, WorkerSettings


class LoadedSeparator(SongSeparator, Protocol):
    """A separator that knows its weights and counts the windows it computes."""

    @property
    def weights_sha256(self) -> str: ...

    @property
    def device(self) -> str: ...

    @property
    def windows_computed(self) -> int: ...

    def one_window_at_a_time(self) -> Self: ...


SeparatorLoader = Callable[[WorkerSettings], LoadedSeparator]


def load_separator(settings: WorkerSettings) -> LoadedSeparator:
    """The settings' checkpoint, which must still be the one that the run was planned with."""
    from lasaft_core.fast.compilation import COMPILE_AFTER_SECONDS  # noqa: PLC0415
    from lasaft_core.separator import Separator  # noqa: PLC0415

    separator = Separator.load(
        settings.checkpoint,
        device=settings.device,
        precision=settings.precision,
        threads=settings.threads,
        compile_after_seconds=COMPILE_AFTER_SECONDS,
    )
    if separator.weights_sha256 != settings.weights_sha256:
        raise UnreadableCheckpoint(
            f"checkpoint {settings.checkpoint} changed since the run was planned",
            expected=f"SHA-256 {settings.weights_sha256}",
            got=separator.weights_sha256,
        )
    return separator


class SeparatorWorker:
    """Loads once; `process` never raises for a fault of the track."""

    def __init__(self, settings: WorkerSettings, load: SeparatorLoader = load_separator) -> None:
        take_over(settings.environment, os.environ)
        self.settings = settings
        self._scratch = Scratch()
        self._device = DeviceThread()
        self.separator = self._device.call(lambda: load(settings))
        self.store = StemStore(settings.dest, settings.fingerprint)
        self._fetching, self._on_device, self._publishing = Lock(), Lock(), Lock()

    def process(self, task: TrackTask, on_audio: OnTick | None = None) -> TrackResult:
        """`on_audio` is called with the seconds done as soon as the track is on the device."""
        attempt = Attempt(task, self.settings, str(self.separator.device))
        try:
            with TemporaryDirectory(dir=self._scratch.path) as scratch:
                return self._process(attempt, Path(scratch), on_audio)
        except Exception as error:  # noqa: BLE001  the per-track boundary
            return attempt.failed(error)

    def _process(self, attempt: Attempt, scratch: Path, on_audio: OnTick | None) -> TrackResult:
        source = attempt.task.source
        with ExitStack() as stack:
            with self._fetching:
                with attempt.timed("download"):
                    check_room([(scratch, source.size)])
                    attempt.fetched = fetch(source.uri, scratch / "source", expected=source)
                    row = self._adoptable(attempt)
                if row is not None:
                    return attempt.adopted(row)
                song = stack.enter_context(self._opened(attempt, attempt.fetched, scratch))
            with self._on_device:
                drafted = self._drafted(attempt, song, on_audio)
            with self._publishing:
                return attempt.finished(self._publish(attempt, drafted.encoded(scratch / "stems")))

    def _adoptable(self, attempt: Attempt) -> TrackRow | None:
        """Whole stems of these bytes; a forced track takes only what its own run has made."""
        assert attempt.work_id
        attempt.whole_at = time.time()
        track = self.store.adopt(attempt.work_id)
        if track is None:
            return None
        row = row_of(track)
        if row is None:
            return None
        made_elsewhere = row.run_id != self.settings.run_id
        return None if attempt.task.forced and made_elsewhere else row

    def _opened(
        self, attempt: Attempt, fetched: Fetched, scratch: Path
    ) -> AbstractContextManager[OpenSong]:
        attempt.stage = "decode"
        frugal = attempt.task.is_frugal
        separator = self.separator.one_window_at_a_time() if frugal else self.separator
        return open_song(
            self._device.separator(separator),
            fetched.path,
            scratch / "stems",
            self.settings.song,
            scratch_dir=scratch,
        )

    def _drafted(self, attempt: Attempt, song: OpenSong, on_audio: OnTick | None) -> DraftedSong:
        attempt.stage = "separate"
        if on_audio is not None:
            on_audio(0.0)
        before = self.separator.windows_computed
        try:
            return song.drafted(on_audio)
        finally:
            attempt.windows = self.separator.windows_computed - before

    def _publish(self, attempt: Attempt, song: SongResult) -> TrackRow:
        """Stems first, `track.json` last; the row itself is published by the driver."""
        assert attempt.work_id
        attempt.seconds.update(song.seconds)
        attempt_id = uuid4().hex
        prefix = self.store.attempt_prefix(attempt.work_id, attempt_id)
        files = {stem.path.name: stem.path for stem in song.stems}
        uris = {stem.target: join(prefix, stem.path.name) for stem in song.stems}
        row = attempt.done(song, uris)
        attempt.whole_at = time.time()
        with attempt.timed("upload"):
            self.store.publish(files, row.to_dict(), attempt.work_id, attempt_id)
        return row
