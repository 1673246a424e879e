import json
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest

from flows.song_folders import claim_folder, fill_folder, read_record, song_name


@pytest.mark.parametrize(
    ("uri", "name"),
    [
        ("file:///music/Song.flac", "Song"),
        ("s3://bucket/a/Mr. Brightside", "Mr. Brightside"),
        ("https://host/songs/take.mp3?version=3", "take"),
        ('file:///music/100% "live" 🎸.wav', '100% "live" 🎸'),
        ("s3://bucket/a/..", "untitled"),
        ("s3://bucket/a/.", "untitled"),
        ("s3://bucket/a/...wav", "untitled"),
        ("s3://bucket/a/", "untitled"),
        ("s3://bucket/.mp3", "untitled"),
        ("s3://bucket/a\\..\\b.wav", "a_.._b"),
        ("file:///music/line\nbreak\x1b[31m.wav", "line_break_[31m"),
        ("file:///music/\udcff.wav", "_"),
        ("file:///music/" + "é" * 120 + ".wav", "é" * 100),
    ],
)
def test_a_name_is_one_folder_inside_the_output(uri: str, name: str, tmp_path: Path) -> None:
    assert song_name(uri) == name
    folder = claim_folder(tmp_path, uri, "00")
    assert folder.parent == tmp_path
    assert folder.resolve().parent == tmp_path.resolve()


def test_two_sources_of_one_name_have_two_folders_and_each_finds_its_own_again(tmp_path: Path):
    first = claim_folder(tmp_path, "file:///a/song.wav", "aa")
    second = claim_folder(tmp_path, "file:///b/song.mp3", "aa")
    assert [first.name, second.name] == ["song", "song (2)"]
    assert claim_folder(tmp_path, "file:///a/song.wav", "other bytes now") == first
    assert claim_folder(tmp_path, "file:///b/song.mp3", "aa") == second
    assert read_record(second) == {"source_uri": "file:///b/song.mp3", "content_sha256": "aa"}


def test_what_was_there_before_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "song").mkdir()
    (tmp_path / "song" / "vocals.flac").write_text("mine")
    (tmp_path / "song (2)").write_text("a file")
    (tmp_path / "song (3)").mkdir()
    (tmp_path / "song (3)" / "track.json").write_text('{"not": "ours"}')
    (tmp_path / "song (4)").mkdir()
    assert claim_folder(tmp_path, "file:///a/song.wav", "aa").name == "song (4)"
    assert (tmp_path / "song" / "vocals.flac").read_text() == "mine"


def _claim(arguments: tuple[str, str]) -> str:
    root, uri = arguments
    return claim_folder(Path(root), uri, "aa").name


def test_processes_that_claim_at_once_never_share_a_folder(tmp_path: Path) -> None:
    uris = [f"file:///{number % 6}/song.wav" for number in range(24)]
    with ProcessPoolExecutor(4, mp_context=get_context("spawn")) as processes:
        names = list(processes.map(_claim, [(str(tmp_path), uri) for uri in uris]))
    by_uri = {uri: {name for u, name in zip(uris, names, strict=True) if u == uri} for uri in uris}
    assert all(len(folders) == 1 for folders in by_uri.values())
    assert len(set(names)) == 6
    assert {
        json.loads(path.read_text())["source_uri"] for path in tmp_path.glob("*/track.json")
    } == (set(uris))


URI = "file:///a/song.wav"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "out").mkdir()
    return claim_folder(tmp_path / "out", URI, "aa")


@pytest.fixture
def made(tmp_path: Path) -> Path:
    (tmp_path / "made").mkdir()
    return tmp_path / "made"


def _record(made: Path, *names: str, **options: object) -> dict:
    """Makes the files as well."""
    for name in names:
        (made / name).write_text("new")
    stems = {name: {"target": name.split(".")[0]} for name in names}
    options = {"targets": list(names), "residual": False, **options}
    return {"source_uri": URI, "content_sha256": "aa", "options": options, "stems": stems}


def _names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_stems_made_alike_stand_together(folder: Path, made: Path) -> None:
    fill_folder(folder, made, _record(made, "vocals.flac", "drums.flac"))
    (folder / "drums.flac").unlink()
    fill_folder(folder, made, _record(made, "bass.flac"))
    assert _names(folder) == {"vocals.flac", "bass.flac", "track.json"}
    assert set(read_record(folder)["stems"]) == {"vocals.flac", "bass.flac"}
    assert _names(made) == set()


def test_a_record_of_before_an_option_stands_with_its_default(folder: Path, made: Path) -> None:
    fill_folder(folder, made, _record(made, "vocals.flac"))
    fill_folder(folder, made, _record(made, "drums.flac", consistency="none"))
    assert _names(folder) == {"vocals.flac", "drums.flac", "track.json"}
    fill_folder(folder, made, _record(made, "bass.flac", consistency="project"))
    assert _names(folder) == {"bass.flac", "track.json"}


def test_a_residual_stands_with_its_own_targets_only(folder: Path, made: Path) -> None:
    for target in ("vocals.flac", "bass.flac"):
        fill_folder(folder, made, _record(made, target, "residual.flac", residual=True))
    assert _names(folder) == {"bass.flac", "residual.flac", "track.json"}


def test_a_record_never_leads_to_the_removal_of_others_files(folder: Path, made: Path) -> None:
    outside = folder.parent / "mine.flac"
    for path in (outside, folder / "mine.flac"):
        path.write_text("mine")
    track = folder / "track.json"
    foreign = {"../mine.flac": {}, str(outside): {}, "track.json": {}, "..": {}}
    track.write_text(json.dumps({"source_uri": URI, "stems": foreign}))
    fill_folder(folder, made, _record(made, "bass.flac"))
    assert outside.read_text() == (folder / "mine.flac").read_text() == "mine"
    assert _names(folder) == {"mine.flac", "bass.flac", "track.json"}


def test_broken_off_halfway_it_claims_nothing_and_is_cleared_next_time(
    folder: Path, made: Path
) -> None:
    fill_folder(folder, made, _record(made, "vocals.wav", codec="wav"))
    halfway = _record(made, "bass.flac", "drums.flac")
    (made / "drums.flac").unlink()
    with pytest.raises(FileNotFoundError):
        fill_folder(folder, made, halfway)
    assert (read_record(folder)["source_uri"], "stems" in read_record(folder)) == (URI, False)
    assert claim_folder(folder.parent, URI, "aa") == folder
    fill_folder(folder, made, _record(made, "other.flac"))
    assert _names(folder) == {"other.flac", "track.json"}
