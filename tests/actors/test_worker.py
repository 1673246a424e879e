"""The worker without Ray: stems and a row, or no stems and a row that says why."""

import os
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Barrier, Event, Thread, current_thread

import numpy as np
import pytest
import soundfile as sf

from lasaft_core.catalog.publication import StemStore
from lasaft_core.errors import UnreadableCheckpoint
from lasaft_core.song import OpenSong, SongOptions
from lasaft_core.song_stream import SongInput
from lasaft_core.storage import (
    canonical_uri,
    fetch,
    join,
    list_names,
    put,
    read_bytes,
    remove,
    stat,
)
from ray_actors import attempts
from ray_actors.attempts import lost_attempt, peak_memory_bytes
from ray_actors.messages import TrackTask, WorkerSettings
from ray_actors.worker import SeparatorWorker

RATE = 8000


class HalvingSeparator:
    """Two stems, each half of the mixture; counts a window for each block."""

    targets = ("left_half", "right_half")
    sample_rate = RATE
    weights_sha256 = "0" * 64
    device = "cpu"

    def __init__(self) -> None:
        self.windows_computed = 0
        self.frugal_songs = 0

    def one_window_at_a_time(self):
        self.frugal_songs += 1
        return self

    def select_targets(self, targets):
        return targets or self.targets

    def stream(self, targets, *, overlap):
        return self

    def push(self, block):
        self.windows_computed += 1
        return dict.fromkeys(self.targets, block / 2)

    def finish(self):
        return dict.fromkeys(self.targets, np.zeros((0, 2), np.float32))


@pytest.fixture
def settings(place) -> WorkerSettings:
    return WorkerSettings(
        dest=join(place, "dest"),
        checkpoint="none",
        song=SongOptions(),
        fingerprint="f" * 64,
        weights_sha256="0" * 64,
        model_name="halving",
        weights_licence="MIT",
        run_id="first",
    )


@pytest.fixture
def worker(settings) -> SeparatorWorker:
    return SeparatorWorker(settings, lambda _: HalvingSeparator())


def put_song(place: str, tmp_path: Path, name: str = "song.wav", *, seed: int = 0) -> TrackTask:
    path = tmp_path / "local.wav"
    samples = np.random.default_rng(seed).uniform(-0.5, 0.5, (RATE, 2))
    sf.write(path, samples, RATE, subtype="PCM_16")
    uri = join(place, "in", name)
    put(path, uri)
    return TrackTask(stat(uri), "new", audio_seconds_estimate=1.0)


def test_a_song_becomes_stems_and_a_row(place, tmp_path, worker):
    task = put_song(place, tmp_path)

    result = worker.process(task)

    row = result.row
    assert (row.status, row.frames, row.sample_rate, row.duration_seconds) == (
        "done",
        RATE,
        RATE,
        1,
    )
    assert (row.source_uri, row.source_etag, row.run_id) == (
        task.source.uri,
        task.source.etag,
        "first",
    )
    assert [stem.target for stem in row.stems] == ["left_half", "right_half"]
    assert [stat(stem.uri).size for stem in row.stems] == [stem.bytes for stem in row.stems]
    assert all(getattr(row.seconds, stage) is not None for stage in row.seconds.__slots__)
    assert result.windows > 0
    assert result.source_bytes_read == task.source.size


@pytest.mark.parametrize(("losses", "frugal_songs"), [(0, 0), (1, 0), (2, 1)])
def test_a_song_that_two_workers_were_lost_with_gets_the_smallest_batch(
    place, tmp_path, worker, losses, frugal_songs
):
    task = put_song(place, tmp_path)
    for _ in range(losses):
        task = lost_attempt(task, "killed", "node/1")

    assert worker.process(task).row.status == "done"
    assert worker.separator.frugal_songs == frugal_songs


class Meeting:
    """Three stages that are over only when all of them are at work at the same time."""

    def __init__(self) -> None:
        self.barrier = Barrier(3, timeout=60)
        self.stages: list[str] = []

    def attend(self, stage: str) -> None:
        self.stages.append(stage)
        self.barrier.wait()


def test_a_track_is_fetched_and_one_published_while_one_is_on_the_device(
    place, tmp_path, worker, monkeypatch
):
    tasks = [put_song(place, tmp_path, f"{n}.wav", seed=n) for n in range(3)]
    meeting, seen = Meeting(), Counter[str]()

    def at(stage: str, number: int, function):
        """The `number`-th call of the stage waits for the other two stages."""

        def call(*args, **options):
            seen[stage] += 1
            if seen[stage] == number:
                meeting.attend(stage)
            return function(*args, **options)

        return call

    monkeypatch.setattr("ray_actors.worker.fetch", at("fetch", 3, fetch))
    monkeypatch.setattr(OpenSong, "drafted", at("device", 2, OpenSong.drafted))
    monkeypatch.setattr(worker.store, "publish", at("publish", 1, worker.store.publish))
    with ThreadPoolExecutor(3) as threads:
        results = list(threads.map(worker.process, tasks))

    assert sorted(meeting.stages) == ["device", "fetch", "publish"]
    assert [result.row.status for result in results] == ["done"] * 3
    assert [result.row.source_uri for result in results] == [task.source.uri for task in tasks]
    assert {result.windows for result in results} == {results[0].windows}


def test_the_next_track_is_decoded_while_one_is_on_the_device(place, tmp_path, worker, monkeypatch):
    tasks = [put_song(place, tmp_path, f"{n}.wav", seed=n) for n in range(2)]
    on_device, decoded = Event(), Event()
    pieces, finish = SongInput.pieces, HalvingSeparator.finish

    def second_decoded(self, blocks):
        for piece in pieces(self, blocks):
            if on_device.is_set():
                decoded.set()
            yield piece

    def first_waits(self):
        on_device.set()
        assert decoded.wait(60)
        return finish(self)

    monkeypatch.setattr(SongInput, "pieces", second_decoded)
    monkeypatch.setattr(HalvingSeparator, "finish", first_waits)
    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(worker.process, tasks[0])
        assert on_device.wait(60)
        second = threads.submit(worker.process, tasks[1])

    assert [future.result().row.status for future in (first, second)] == ["done"] * 2


def test_all_tracks_are_computed_in_one_thread(place, tmp_path, settings, monkeypatch):
    seen: set[Thread] = set()
    push = HalvingSeparator.push

    def load(_):
        seen.add(current_thread())
        return HalvingSeparator()

    def note(self, block):
        seen.add(current_thread())
        return push(self, block)

    monkeypatch.setattr(HalvingSeparator, "push", note)
    worker = SeparatorWorker(settings, load)
    tasks = [put_song(place, tmp_path, f"{n}.wav", seed=n) for n in range(2)]
    with ThreadPoolExecutor(2) as threads:
        results = list(threads.map(worker.process, tasks))

    assert [result.row.status for result in results] == ["done"] * 2
    assert len(seen) == 1


def test_the_same_bytes_elsewhere_adopt_the_stems_that_are_there(place, tmp_path, worker):
    first = worker.process(put_song(place, tmp_path))

    again = worker.process(put_song(place, tmp_path, "copy of song.wav"))

    assert again.adopted
    assert again.windows == 0
    assert again.row.stems == first.row.stems
    assert again.row.source_uri == join(place, "in", "copy of song.wav")


def test_stems_of_which_one_is_gone_are_not_adopted(place, tmp_path, worker):
    first = worker.process(put_song(place, tmp_path))
    remove(first.row.stems[0].uri)

    again = worker.process(put_song(place, tmp_path, "copy.wav"))

    assert not again.adopted
    assert again.row.status == "done"


@pytest.mark.parametrize("place", ["local"], indirect=True)  # S3 tells age in whole seconds
def test_a_forced_track_adopts_from_its_own_run_only(place, tmp_path, worker, settings):
    task = replace(put_song(place, tmp_path), action="forced", forced=True)
    worker.process(task)
    later = SeparatorWorker(replace(settings, run_id="later"), lambda _: HalvingSeparator())

    results = [later.process(task), later.process(task)]

    assert [(result.adopted, result.windows > 0) for result in results] == [
        (False, True),
        (True, False),
    ]


def test_a_broken_source_leaves_a_reason_and_no_stem(place, tmp_path, worker, settings):
    task = put_song(place, tmp_path)
    path = tmp_path / "text.wav"
    path.write_text("I am a text")
    put(path, task.source.uri)

    row = worker.process(replace(task, source=stat(task.source.uri))).row

    assert (row.status, row.reason, row.stage) == ("failed", "not_audio", "decode")
    assert row.content_sha256
    assert [attempt.attempt for attempt in row.attempts] == [1]
    assert list_names(settings.dest) == []


def test_an_object_that_changed_since_it_was_listed_is_gone(place, tmp_path, worker):
    task = put_song(place, tmp_path)
    put_song(place, tmp_path, seed=1)

    row = worker.process(task).row

    assert (row.status, row.reason, row.stage) == ("failed", "gone", "download")


def test_a_store_that_refuses_the_upload_costs_the_track_only(place, tmp_path, worker, monkeypatch):
    def refuse(*_: object) -> None:
        raise OSError("https://bob:secret@host refused")

    monkeypatch.setattr(StemStore, "publish", refuse)

    row = worker.process(put_song(place, tmp_path)).row

    assert (row.status, row.reason, row.stage) == ("failed", "internal", "upload")
    assert row.error_message == "https://***@host refused"


def test_scratch_files_are_gone_whatever_happened(place, tmp_path, worker, monkeypatch):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    task = put_song(place, tmp_path)

    worker.process(task)
    worker.process(replace(task, source=replace(task.source, uri=task.source.uri + "x")))

    assert list(scratch.iterdir()) == []


def test_the_track_json_describes_its_track_alone(place, tmp_path, worker, settings):
    row = worker.process(put_song(place, tmp_path)).row

    adopted = StemStore(settings.dest, settings.fingerprint).adopt(row.work_id)
    whole = read_bytes(join(row.stems[0].uri.rpartition("/")[0], "track.json"))
    assert adopted["stems"][0]["uri"] == row.stems[0].uri
    assert row.content_sha256.encode() in whole


def test_another_checkpoint_than_planned_is_refused(settings, monkeypatch):
    monkeypatch.setattr("lasaft_core.separator.Separator.load", lambda *_, **__: HalvingSeparator())

    with pytest.raises(UnreadableCheckpoint, match="changed since the run was planned"):
        SeparatorWorker(replace(settings, weights_sha256="1" * 64))


def test_the_workers_environment_reaches_its_process(settings, monkeypatch):
    monkeypatch.delenv("AWS_REGION", raising=False)
    SeparatorWorker(
        replace(settings, environment={"AWS_REGION": "here"}), lambda _: HalvingSeparator()
    )

    assert os.environ["AWS_REGION"] == "here"
    monkeypatch.delenv("AWS_REGION")


def test_settings_never_show_credentials(settings):
    shown = repr(replace(settings, environment={"AWS_SECRET_ACCESS_KEY": "very/secret"}))

    assert "very/secret" not in shown
    assert canonical_uri(settings.dest) in shown


def test_memory_is_told_where_the_kernel_keeps_no_peak(tmp_path, monkeypatch):
    (tmp_path / "status").write_text("VmSize:\t 1000 kB\nVmRSS:\t 500 kB\n")
    monkeypatch.setattr(attempts, "Path", lambda _: tmp_path / "status")
    assert peak_memory_bytes() > 2**20
