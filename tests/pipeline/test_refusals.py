"""What must stop a run at once, with one clear line, before the first track."""

from math import inf, nan

import pytest
import torch
from song_folder import SongFolder

from flows.catalog_run import RunConfig, make_plan, preflight
from lasaft_core.errors import InvalidOption, StoreError, UnknownTarget, UnsupportedCheckpoint
from lasaft_core.song import SongOptions
from lasaft_core.storage import join, list_names, put


def test_an_unknown_target_names_the_choices(songs):
    with pytest.raises(UnknownTarget, match=r"vocals \| drums \| bass \| other"):
        preflight(songs.config(song=SongOptions(targets=("kazoo",))))


def test_a_checkpoint_of_another_kind(songs, tmp_path):
    torch.save({"state_dict": {"fc.weight": torch.zeros(3, 3)}}, tmp_path / "other.ckpt")
    with pytest.raises(UnsupportedCheckpoint):
        preflight(songs.config(checkpoint=str(tmp_path / "other.ckpt")))


def test_a_source_folder_that_is_not_there(songs, tmp_path):
    with pytest.raises(StoreError):
        preflight(songs.config(sources=(str(tmp_path / "nowhere"),)))


def test_a_missing_bucket(songs, s3):
    with pytest.raises(StoreError) as caught:
        preflight(songs.config(sources=(f"{s3}-missing",)))
    assert "\n" not in str(caught.value)


def test_wrong_credentials(songs, s3, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong-and-secret")

    with pytest.raises(StoreError) as caught:
        preflight(songs.config(sources=(s3,)))

    assert "\n" not in str(caught.value)
    assert "wrong-and-secret" not in str(caught.value)


def test_a_plan_leaves_nothing_at_the_destination(songs, s3):
    songs.put("a.wav")
    places = (str(songs.dest), s3, f"{s3}/not/there/yet")

    plans = [make_plan(preflight(songs.config(dest=dest), writes=False))[0] for dest in places]

    assert [plan.counts["new"] for plan in plans] == [1, 1, 1]
    assert not songs.dest.exists()
    assert list_names(s3) == []


def test_a_plan_refuses_what_a_run_would(songs, s3, monkeypatch):
    file = songs.put("a.wav")
    wrong = [f"{s3}-missing", str(file)]
    for dest in wrong:
        with pytest.raises(StoreError):
            preflight(songs.config(dest=dest), writes=False)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    with pytest.raises(StoreError):
        preflight(songs.config(dest=s3), writes=False)


def test_objects_that_may_not_be_read_cost_a_row_each(
    songs: SongFolder, s3, s3_server, monkeypatch
):
    put(songs.put("a.wav"), join(s3, "a.wav"))
    for name, value in s3_server.environment(s3_server.restricted).items():
        monkeypatch.setenv(name, value)

    report = songs.run(sources=(s3,))

    (failure,) = report.failures
    assert (failure.status, failure.reason) == ("failed", "forbidden")
    assert "\n" not in failure.message
    assert s3_server.restricted.secret_access_key not in failure.message
    assert (report.failed, report.exit_code(), songs.stems()) == (1, 1, [])


@pytest.mark.parametrize(
    ("change", "option"),
    [
        ({"sources": ()}, "--source"),
        ({"workers": 0}, "--workers"),
        ({"gpus_per_worker": -1.0}, "--gpus-per-worker"),
        ({"cpus_per_worker": 0.0}, "--cpus-per-worker"),
        ({"cpus_per_worker": nan}, "--cpus-per-worker"),
        ({"cpus_per_worker": inf}, "--cpus-per-worker"),
        ({"limit": -1}, "--limit"),
        ({"force": "everything"}, "--force"),
        ({"max_failure_rate": 1.5}, "--max-failure-rate"),
        ({"max_hours": 0.0}, "--max-hours"),
        ({"max_hours": nan}, "--max-hours"),
        ({"max_hours": inf}, "--max-hours"),
        ({"gpus_per_worker": nan}, "--gpus-per-worker"),
        ({"gpus_per_worker": inf}, "--gpus-per-worker"),
        ({"max_failure_rate": nan}, "--max-failure-rate"),
        ({"executor": "threads"}, "executor"),
    ],
)
def test_options_out_of_range(change, option):
    with pytest.raises(InvalidOption, match=option):
        RunConfig(**{"sources": ("in",), "dest": "out", **change})
