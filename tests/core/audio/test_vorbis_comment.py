"""Tags of any name in FLAC stems, as FFmpeg reads them back."""

import av
import pytest
import soundfile
from sound_files import noise, write_av

from lasaft_core.audio.formats import OutputFormat
from lasaft_core.audio.libav import read_tags
from lasaft_core.audio.writer import StemLayout, StemWriter
from lasaft_core.errors import ScratchFull

SONG = {
    "title": "Señor 東京",
    "artist": "A",
    "album": "B",
    "albumartist": "Many",
    "date": "1999",
    "genre": "Jazz",
    "tracknumber": "3/12",
    "discnumber": "1",
    "composer": "Bach",
    "isrc": "GBAYE6800011",
    "comment": "long " * 2000 + ".",
    "lyrics": "la\nla",
    "bpm": "120",
    "a name of my own": "x=y",
}


def write(path, tags, frames=5000):
    layout = StemLayout(OutputFormat("flac", 24), 44_100, 2, frames, tags)
    with StemWriter(path, layout) as writer:
        writer.write(noise(frames))
    return path


def raw_tags(path):
    with av.open(str(path)) as container:
        return dict(container.metadata)


@pytest.mark.parametrize("tags", [SONG, {"bpm": "9"}, {"k": ""}, {"isrc": "X" * 300_000}, {}])
def test_all_tags_are_written_and_the_audio_is_whole(tmp_path, tags):
    path = write(tmp_path / "stem.flac", tags)
    expected = {name: value[:65_536] for name, value in tags.items() if value}
    assert read_tags(path) == expected
    samples, _ = soundfile.read(path, dtype="float32")
    assert abs(samples - noise(5000)).max() <= 2**-24
    with soundfile.SoundFile(path) as file:
        assert file.title == tags.get("title", "")


def test_names_are_upper_case_and_impossible_ones_left_out(tmp_path):
    path = write(tmp_path / "stem.flac", {"composer": "C", "a=b": "1", "ü": "2", "": "3"})
    assert raw_tags(path) == {"COMPOSER": "C"}


def test_tags_beyond_all_measure_leave_room_for_others(tmp_path):
    many = {f"note{i}": "n" * 65_536 for i in range(17)}
    written = read_tags(write(tmp_path / "stem.flac", many | {"isrc": "X"}))
    assert list(written) == [*(f"note{i}" for i in range(15)), "isrc"]


def test_a_stem_that_a_full_disk_left_empty_is_named(tmp_path):
    path = tmp_path / "stem.flac"
    layout = StemLayout(OutputFormat("flac", 24), 44_100, 2, 0, {"title": "x"})
    writer = StemWriter(path, layout)
    writer.write(noise(10))
    path.unlink()
    path.touch()
    with pytest.raises(ScratchFull, match="stem can't be written"):
        writer.close()


@pytest.mark.parametrize(("name", "codec"), [("a.mp3", "libmp3lame"), ("a.m4a", "aac")])
def test_other_containers_names_become_the_common_ones(tmp_path, name, codec):
    tags = {"album_artist": "Many", "disc": "1", "composer": "C", "REPLAYGAIN_TRACK_GAIN": "-7 dB"}
    path = write_av(tmp_path / name, codec, noise(5000), tags=tags)
    assert read_tags(path) == {"albumartist": "Many", "discnumber": "1", "composer": "C"}
