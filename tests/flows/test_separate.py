"""`lasaft-stems separate` with a real, small network."""

import json
import os
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from flows.cli import main
from flows.commands import separate
from lasaft_core.audio.reader import open_audio

pytestmark = pytest.mark.usefixtures("one_thread")
CHECKPOINT = Path(__file__).parents[1] / "golden" / "tfc_gpocm_lasaft.ckpt"
RATE = 44100


def _write_song(path: Path, seconds: float = 0.1, seed: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).uniform(-0.3, 0.3, (round(seconds * RATE), 2))
    soundfile.write(path, noise, RATE)
    return path


def _separate(out: Path, *arguments: object) -> int:
    fixed = ("--out", out, "--checkpoint", CHECKPOINT, "--device", "cpu")
    return main(["separate", *map(str, (*arguments, *fixed))])


def _files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_stems_of_full_length_stand_in_the_song_s_folder(tmp_path, capsys) -> None:
    song = _write_song(tmp_path / "song.wav")
    out = tmp_path / "out"
    assert _separate(out, song, "--targets", "vocals,drums", "--residual") == 0
    names = ("vocals.flac", "drums.flac", "residual.flac", "track.json")
    assert _files(out) == {f"song/{name}" for name in names}
    assert soundfile.info(out / "song" / "vocals.flac").frames == soundfile.info(song).frames
    assert capsys.readouterr().out == f"{out}/song\n"


def test_songs_of_one_name_keep_their_own_folders_run_after_run(tmp_path) -> None:
    one = _write_song(tmp_path / "a" / "song.wav", seed=1)
    other = _write_song(tmp_path / "b" / "song.flac", seed=2)
    out = tmp_path / "out"
    quick = ("--targets", "vocals", "--codec", "wav", "--bit-depth", 16)
    assert _separate(out, one, other, *quick) == 0
    before = (out / "song" / "vocals.wav").read_bytes()
    assert _separate(out, other, *quick) == 0
    assert _separate(out, one, "--targets", "bass", *quick[2:]) == 0
    assert (out / "song" / "vocals.wav").read_bytes() == before
    assert _files(out) == {
        *(f"song/{name}" for name in ("vocals.wav", "bass.wav", "track.json")),
        *(f"song (2)/{name}" for name in ("vocals.wav", "track.json")),
    }
    record = json.loads((out / "song" / "track.json").read_text())
    assert record["source_uri"] == f"file://{one}"
    assert set(record["stems"]) == {"vocals.wav", "bass.wav"}


def _folder_of(song: Path) -> tuple[set[str], dict]:
    folder = song.parent / "out" / "song"
    return _files(folder), json.loads((folder / "track.json").read_text())


@pytest.mark.parametrize(
    "other",
    [
        ("--overlap", 0.5),
        ("--bit-depth", 16),
        ("--codec", "wav"),
        ("--residual",),
        ("--precision", "bfloat16"),
    ],
)
def test_stems_made_in_another_way_replace_all_earlier_ones(tmp_path, other) -> None:
    song = _write_song(tmp_path / "song.wav", seconds=0.02)
    out = tmp_path / "out"
    assert _separate(out, song, "--targets", "vocals", "--precision", "float32") == 0
    (out / "song" / "notes.txt").write_text("mine")
    assert _separate(out, song, "--targets", "bass", *other) == 0
    files, record = _folder_of(song)
    assert files == {*record["stems"], "track.json", "notes.txt"}
    assert "vocals.flac" not in files


def test_stems_of_other_bytes_gain_or_network_replace_all_earlier_ones(tmp_path) -> None:
    song = _write_song(tmp_path / "song.wav", seconds=0.02)
    out = tmp_path / "out"
    for change in ("bytes", "gain", "network"):
        _write_song(song, seconds=0.02, seed=1)
        assert _separate(out, song, "--targets", "vocals") == 0
        track = out / "song" / "track.json"
        if change == "bytes":
            _write_song(song, seconds=0.02, seed=2)
        else:
            name = {"gain": "common_gain_db", "network": "weights_sha256"}[change]
            track.write_text(json.dumps({**json.loads(track.read_text()), name: -3.0}))
        assert _separate(out, song, "--targets", "bass") == 0
        files, record = _folder_of(song)
        assert files == {"bass.flac", "track.json"}
        assert set(record["stems"]) == {"bass.flac"}


def test_a_failing_song_is_one_line_and_the_others_go_on(tmp_path, capsys) -> None:
    empty = tmp_path / "empty.wav"
    empty.touch()
    text = tmp_path / "bad\nname.wav"
    text.write_text("this is not audio" * 100)
    good = _write_song(tmp_path / "good.wav")
    out = tmp_path / "out"
    broken = (empty, text, tmp_path / "absent.wav", tmp_path, Path("~no_such_user/absent.wav"))
    assert _separate(out, *broken, good, "--targets", "vocals", "--json") == 1
    printed = capsys.readouterr()
    complaints = [line for line in printed.err.splitlines() if line.startswith("lasaft-stems: ")]
    assert len(complaints) == len(broken)
    assert all(
        path.name.split("\n")[0] in line for path, line in zip(broken, complaints, strict=True)
    )
    assert "Traceback" not in printed.err
    facts = json.loads(printed.out)
    assert [failure["type"] for failure in facts["failures"]] == [
        "EmptySource",
        "NotAudio",
        "SourceGone",
        "NotAudio",
        "SourceGone",
    ]
    assert facts["songs"][0]["stems"] == {"vocals": str(out / "good" / "vocals.flac")}
    assert _files(out) == {"good/vocals.flac", "good/track.json"}
    assert {path.name for path in out.iterdir()} == {"good"}


def test_a_hostile_name_stays_inside(tmp_path) -> None:
    name = "..%2f' \"; rm -rf 🎸 .. .wav"
    song = _write_song(tmp_path / "in" / name)
    out = tmp_path / "out"
    assert _separate(out, song, "--targets", "vocals") == 0
    assert [path.name for path in out.iterdir()] == ["..%2f' \"; rm -rf 🎸"]


def test_an_error_of_no_kind_of_ours_costs_its_song_only(tmp_path, capsys, monkeypatch) -> None:
    def broken(path: Path) -> None:
        if path.name == "one.wav":
            raise struct.error("unpack requires a buffer of 4 bytes")
        return open_audio(path)

    monkeypatch.setattr(separate, "open_audio", broken)
    songs = [_write_song(tmp_path / name, seconds=0.02) for name in ("one.wav", "two.wav")]
    assert _separate(tmp_path / "out", *songs, "--targets", "vocals") == 1
    printed = capsys.readouterr()
    assert f"lasaft-stems: {songs[0]}: error: unpack requires" in printed.err
    assert "Traceback" not in printed.err
    assert printed.out == f"{tmp_path}/out/two\n"


def test_on_a_terminal_results_are_whole_lines(tmp_path, capsys, monkeypatch) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "80")
    song = _write_song(tmp_path / f"[b]{'x' * 90} 12.wav", seconds=0.02)
    absent = tmp_path / ("y" * 100)
    assert _separate(tmp_path / "out", song, absent, "--targets", "vocals") == 1
    printed = capsys.readouterr()
    assert printed.out == f"{tmp_path}/out/{song.stem}\n"
    assert f"lasaft-stems: {absent}: no such file\n" in printed.err


def test_a_song_may_be_a_url(tmp_path) -> None:
    song = _write_song(tmp_path / "in" / "100%.wav")
    assert _separate(tmp_path / "out", f"file://{song}", "--targets", "vocals") == 0
    assert _files(tmp_path / "out") == {"100%/vocals.flac", "100%/track.json"}


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("--targets", "kazoo"), "vocals"),
        (("--targets", "vocals", "--consistency", "project"), "all targets"),
        (("--residual", "--consistency", "project"), "leaves nothing over"),
        (("--overlap", "0.9"), "0 to 0.5"),
        (("--bit-depth", "32"), "32"),
        (("--checkpoint", "/no/such.ckpt"), "/no/such.ckpt"),
        (("--out", "s3://bucket/out"), "run --dest"),
        (("--out", "/dev/null/out"), "/dev/null/out"),
    ],
)
def test_wrong_use_is_one_line_and_code_2(tmp_path, capsys, arguments, line) -> None:
    song = _write_song(tmp_path / "song.wav")
    fixed = ["separate", str(song), "--out", str(tmp_path / "out"), "--checkpoint", str(CHECKPOINT)]
    assert main([*fixed, *arguments]) == 2
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert line in told


@pytest.mark.parametrize("address", ["", "s3://"])
def test_an_impossible_address_is_wrong_use_before_any_song(tmp_path, capsys, address) -> None:
    song = _write_song(tmp_path / "song.wav", seconds=0.02)
    assert _separate(tmp_path / "out", song, address) == 2
    printed = capsys.readouterr()
    assert printed.err.count("\n") == 1
    assert printed.out == ""


def test_neither_ray_nor_prefect_is_imported(tmp_path) -> None:
    song = _write_song(tmp_path / "song.wav")
    arguments = ["separate", str(song), "--out", str(tmp_path / "out"), "--targets", "vocals"]
    arguments += ["--checkpoint", str(CHECKPOINT)]
    script = (
        "import sys; from flows.cli import main; code = main(sys.argv[1:]);"
        "print(code, sorted({'ray', 'prefect', 'flows.catalog_run'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.stdout.splitlines()[-1:] == ["0 []"], done.stderr
