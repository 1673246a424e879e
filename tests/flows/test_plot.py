"""`lasaft-stems plot` with small real networks; the pictures are opened again."""

import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from matplotlib.image import imread

from flows.cli import main

pytestmark = pytest.mark.usefixtures("one_thread")
GOLDEN = Path(__file__).parents[1] / "golden"
LASAFT = GOLDEN / "tfc_gpocm_lasaft.ckpt"


def _plot(kind: str, *arguments: object) -> int:
    return main(["plot", kind, *map(str, arguments)])


def _write_song(path: Path, *, rate: int = 44100, channels: int = 2, level: float = 0.3) -> Path:
    noise = np.random.default_rng(0).uniform(-level, level, (rate // 4, channels))
    soundfile.write(path, noise, rate)
    return path


def _assert_drawn(path: Path) -> None:
    picture = imread(path)
    assert path.read_bytes().startswith(b"\x89PNG")
    assert all(300 < side < 4000 for side in picture.shape[:2])
    assert picture[..., :3].std() > 0.05
    assert {p.suffix for p in path.parent.iterdir()} <= {".png", ".wav"}, "nothing half-written"


@pytest.mark.parametrize(
    ("kind", "network", "more"),
    [
        ("weights", "tfc_tdf_net", ()),
        ("weights", "tdf_net", ("--block", "mid_block")),
        ("weights", "tdc_rnn_net", ("--view", "layers")),
        ("weights", "tfc_gpocm_lasaft", ("--block", "0", "--max-hz", "8000")),
        ("weights", "tfc_gpocm_lightsaft", ("--view", "layers", "--block", "1", "--block", "2")),
        ("attention", "tfc_film_lasaft", ()),
        ("attention", "tfc_gpocm_lightsaft", ("--block", "decoders.1")),
    ],
)
def test_networks_are_drawn(tmp_path, capsys, kind, network, more) -> None:
    out = tmp_path / "new" / "picture.png"
    assert _plot(kind, "--checkpoint", GOLDEN / f"{network}.ckpt", "--out", out, *more) == 0
    assert capsys.readouterr().out == f"{out}\n"
    _assert_drawn(out)


def test_the_default_network_is_drawn(tmp_path) -> None:
    assert _plot("attention", "--out", tmp_path / "a.png") == 0
    assert _plot("weights", "--block", "mid_block", "--out", tmp_path / "w.png") == 0
    _assert_drawn(tmp_path / "a.png")
    _assert_drawn(tmp_path / "w.png")


@pytest.mark.parametrize(
    "song", [{}, {"rate": 8000, "channels": 1}, {"rate": 48000, "level": 0.0}], ids=str
)
def test_songs_are_separated_and_drawn(tmp_path, song) -> None:
    path = _write_song(tmp_path / "$a_{b} 音\n.wav", **song)
    out = tmp_path / "p.png"
    fixed = ("--checkpoint", LASAFT, "--device", "cpu", "--out", out)
    assert _plot("spectrogram", f"file://{path}", "--start", "0.1", *fixed) == 0
    _assert_drawn(out)


def test_stems_of_a_folder_are_drawn_without_a_network(tmp_path) -> None:
    song = _write_song(tmp_path / "song.wav")
    separate = ["separate", str(song), "--out", str(tmp_path / "stems"), "--device", "cpu"]
    assert main([*separate, "--checkpoint", str(LASAFT), "--residual"]) == 0
    for suffix in (".png", ".svg", ".PDF"):
        out = tmp_path / "pictures" / f"p{suffix}"
        arguments = ("--stems", tmp_path / "stems" / "song", "--frequency", "linear")
        assert _plot("spectrogram", song, *arguments, "--out", out) == 0
        assert out.stat().st_size > 10_000


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("weights", "--checkpoint", GOLDEN / "tfc_net.ckpt"), "convolutions only"),
        (("weights", "--checkpoint", GOLDEN / "tdc_net.ckpt"), "tdc blocks"),
        (("weights", "--checkpoint", LASAFT, "--block", "9"), "0 to 4"),
        (("weights", "--checkpoint", LASAFT, "--max-hz", "-1"), "more than 0"),
        (("weights", "--checkpoint", "/no/such.ckpt"), "no such file"),
        (("weights", "--out", "p.jpeg"), ".png or .svg or .pdf"),
        (("weights", "--out", "s3://bucket/p.png"), "a local file"),
        (("weights", "--out", "/dev/null/p.png"), "/dev/null"),
        (("attention", "--checkpoint", GOLDEN / "tfc_gpocm_tdf.ckpt"), "LightSAFT"),
        (("spectrogram", "song.wav", "--start", "-1"), "0 or more"),
        (("spectrogram", "song.wav", "--seconds", "nan"), "more than 0"),
        (("spectrogram", "song.wav", "--stems", "absent"), "a folder with stems"),
        (("spectrogram", "song.wav", "--start", "99", "--checkpoint", LASAFT), "song.wav"),
    ],
)
def test_wrong_use_is_one_line_and_code_2(tmp_path, capsys, monkeypatch, arguments, line) -> None:
    monkeypatch.chdir(tmp_path)
    _write_song(Path("song.wav"))
    kind, *rest = arguments
    out = () if "--out" in rest else ("--out", "p.png")
    assert _plot(kind, *rest, *out) == 2
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert line in told
    assert {path.name for path in tmp_path.iterdir()} == {"song.wav"}


def test_a_missing_song_is_named(tmp_path, capsys) -> None:
    assert _plot("spectrogram", tmp_path / "absent.wav", "--out", tmp_path / "p.png") == 2
    assert "absent.wav: got no such file" in capsys.readouterr().err


def test_without_matplotlib_the_remedy_is_named(tmp_path, capsys, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert _plot("attention", "--out", tmp_path / "p.png") == 2
    assert "pip install 'lasaft-stems[research]'" in capsys.readouterr().err
