"""What a second run does: only what is new, changed, moved or failed before."""

import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from song_folder import ONE_TARGET, noise

from flows.catalog_run import make_plan, preflight
from lasaft_core.errors import InvalidOption
from lasaft_core.storage import local_path

WATCH: dict[str, list[str]] = {}


def _note_opened(event: str, arguments: tuple) -> None:
    if event == "open":
        for folder, opened in WATCH.items():
            if str(arguments[0]).startswith(folder):
                opened.append(str(arguments[0]))


@pytest.fixture
def opened(songs):
    """Paths of source files that this process opens, told by the interpreter itself."""
    if not WATCH:
        sys.addaudithook(_note_opened)
    WATCH[str(songs.source)] = opened = []
    yield opened
    WATCH[str(songs.source)] = []


def planned(songs, **changes) -> dict[str, int]:
    plan, _ = make_plan(preflight(songs.config(**changes)))
    return {action: count for action, count in plan.counts.items() if count}


def test_a_finished_catalog_costs_nothing(songs, opened):
    songs.put("a.wav")
    first = songs.run()
    assert (first.done, first.windows > 0, len(opened) > 0) == (1, True, True)
    opened.clear()

    again = songs.run()

    assert (again.windows, again.source_bytes_read, again.done) == (0, 0, 0)
    assert again.planned["done"] == 1
    assert again.exit_code() == 0
    assert opened == []


def test_the_same_bytes_at_two_keys_are_separated_once(songs):
    songs.put("a.wav")
    alone = songs.run().windows
    songs.put("b/one.wav", noise(seed=1))
    songs.put("b/two.wav", noise(seed=1))

    report = songs.run()

    rows = songs.rows()
    assert (report.done, report.adopted, report.windows) == (2, 1, alone)
    assert rows["b/one.wav"].stems == rows["b/two.wav"].stems
    assert rows["b/one.wav"].stems != rows["a.wav"].stems


def test_a_copy_made_later_is_not_separated_again(songs):
    songs.put("a.wav")
    songs.run()
    songs.put("copy of a.wav")

    report = songs.run()

    assert (report.done, report.adopted, report.windows) == (1, 1, 0)


def test_a_rename_costs_no_windows(songs):
    path = songs.put("a.wav")
    songs.run()
    path.rename(path.with_name("b.wav"))

    report = songs.run()

    rows = songs.rows()
    assert (report.planned["moved"], report.adopted, report.windows) == (1, 1, 0)
    assert rows["b.wav"].stems == rows["a.wav"].stems
    assert rows["b.wav"].status == "done"


def test_failed_becomes_done_when_the_object_is_mended(songs):
    path = songs.put("a.wav")
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    first = songs.run()
    assert (first.failed, first.exit_code(), songs.rows()["a.wav"].status) == (1, 1, "failed")
    path.write_bytes(whole)

    second = songs.run()

    assert (second.done, second.exit_code()) == (1, 0)
    assert list(songs.rows()) == ["a.wav"]
    row = songs.rows()["a.wav"]
    assert (row.status, row.reason, row.error_message, row.attempts) == ("done", None, None, ())


def test_a_changed_source_replaces_its_row(songs):
    songs.put("a.wav")
    songs.run()
    before = songs.rows()["a.wav"]
    songs.put("a.wav", noise(6000, seed=2))

    report = songs.run()

    after = songs.rows()["a.wav"]
    assert report.planned["changed"] == 1
    assert (before.frames, after.frames) == (5000, 6000)
    assert after.stems[0].uri != before.stems[0].uri


def test_what_changes_the_sound_plans_everything_and_what_does_not_plans_nothing(songs):
    songs.put("a.wav")
    songs.run()

    assert planned(songs) == {"done": 1}
    assert planned(songs, workers=7, device="cpu", executor="ray") == {"done": 1}
    assert planned(songs, cpus_per_worker=2.0) == {"done": 1}
    for change in ({"overlap": 0.5}, {"targets": ("bass",)}, {"bit_depth": 16}, {"residual": True}):
        assert planned(songs, song=replace(ONE_TARGET, **change)) == {"new": 1}
    assert planned(songs, precision="bfloat16") == {"new": 1}


def test_all_targets_by_name_are_the_same_model_as_all_by_default(songs):
    names = ("vocals", "drums", "bass", "other")
    by_name = preflight(songs.config(song=replace(ONE_TARGET, targets=names)))
    by_default = preflight(songs.config(song=replace(ONE_TARGET, targets=None)))

    assert by_name.fingerprint == by_default.fingerprint


def test_a_gpu_that_is_there_is_asked_for(songs, monkeypatch):
    monkeypatch.setattr("flows.preflight.has_cuda", lambda: True)
    monkeypatch.setattr("flows.preflight.resolve_device", lambda _: "cuda")

    assert preflight(songs.config()).config.gpus_per_worker == 1.0
    assert preflight(songs.config(gpus_per_worker=0.5)).config.gpus_per_worker == 0.5


def test_gpus_may_be_on_other_machines_than_the_driver(songs, monkeypatch):
    monkeypatch.setattr("flows.preflight.has_cuda", lambda: False)
    elsewhere = {"executor": "ray", "gpus_per_worker": 1.0, "device": "cuda"}

    assert preflight(songs.config(**elsewhere, precision="bfloat16")).config.device == "cuda"
    with pytest.raises(InvalidOption, match=r"--precision.*name what the GPUs compute"):
        preflight(songs.config(**elsewhere, precision="auto"))
    with pytest.raises(InvalidOption, match=r"device.*got graphics"):
        preflight(songs.config(**elsewhere | {"device": "graphics"}, precision="bfloat16"))


def test_force_separates_done_tracks_again(songs):
    songs.put("a.wav")
    first = songs.run()
    before = songs.rows()["a.wav"]

    again = songs.run(force="all")

    after = songs.rows()["a.wav"]
    assert (again.planned["forced"], again.adopted, again.windows) == (1, 0, first.windows)
    assert after.run_id == again.run_id
    assert after.stems[0].uri != before.stems[0].uri
    assert after.stems[0].sha256 == before.stems[0].sha256


def test_a_limit_bounds_the_work_of_each_run(songs):
    for name in "abc":
        songs.put(f"{name}.wav", noise(seed=ord(name)))

    done = [songs.run(limit=2).done for _ in range(3)]

    assert done == [2, 1, 0]


def test_stems_that_a_crash_left_without_a_row_are_adopted(songs):
    songs.put("a.wav")
    first = songs.run()
    catalog = local_path(f"file://{songs.dest}/catalog")
    for path in sorted(Path(catalog).rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    assert not any(os.scandir(catalog))

    report = songs.run()

    assert (first.windows > 0, report.windows, report.adopted) == (True, 0, 1)
    assert songs.rows()["a.wav"].status == "done"


def test_a_plan_of_nothing_says_so(songs, caplog):
    songs.put("a.wav")
    assert songs.run(include=("*.flac",)).planned == dict.fromkeys(songs.run().planned, 0)
    assert "songs=0" in caplog.text
    assert "--include" in caplog.text
