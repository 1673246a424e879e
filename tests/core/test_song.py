"""The file rung with an identity separator that has a delay, as the real one does."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections import namedtuple
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import soundfile

from lasaft_core.errors import (
    EmptySource,
    InvalidOption,
    NonFiniteAudio,
    NotAudio,
    ScratchFull,
    TruncatedAudio,
    UnknownTarget,
    UnsupportedChannels,
    UnsupportedRate,
)
from lasaft_core.song import SongOptions, separate_song
from lasaft_core.song_stream import AlignedBlocks

TARGETS = ("vocals", "drums", "bass", "other")


class IdentityStream:
    """Every target is its share of the mixture, `delay` samples late."""

    def __init__(self, shares, delay):
        self.shares, self.delay = shares, delay
        self.waiting = np.zeros((0, 2), np.float32)

    def push(self, block):
        assert block.dtype == np.float32
        assert block.shape[1] == 2
        self.waiting = np.concatenate((self.waiting, block))
        ready = max(0, len(self.waiting) - self.delay)
        done, self.waiting = self.waiting[:ready], self.waiting[ready:]
        return {target: done * np.float32(share) for target, share in self.shares.items()}

    def finish(self):
        done, self.waiting = self.waiting, self.waiting[:0]
        return {target: done * np.float32(share) for target, share in self.shares.items()}


class IdentitySeparator:
    def __init__(self, shares=(0.4, 0.3, 0.2, 0.1), *, sample_rate=44_100, delay=10_000):
        self.shares = dict(zip(TARGETS, shares, strict=True))
        self.targets, self.sample_rate, self.delay = TARGETS, sample_rate, delay

    def select_targets(self, targets):
        for target in targets or ():
            if target not in self.targets:
                raise UnknownTarget("target", expected=", ".join(self.targets), got=target)
        return tuple(targets or self.targets)

    def stream(self, targets, *, overlap):
        return IdentityStream({target: self.shares[target] for target in targets}, self.delay)


def noise(frames, channels=2, level=0.1):
    generator = np.random.default_rng(0)
    return (level * generator.standard_normal((frames, channels))).astype(np.float32)


def music(frames, rate_hz, channels=2):
    """Noise below a quarter of the rate, so that resampling leaves it whole."""
    spectrum = np.fft.rfft(noise(frames + 200, channels), axis=0)
    spectrum[len(spectrum) // 2 :] = 0
    return np.fft.irfft(spectrum, frames + 200, axis=0)[:frames].astype(np.float32)


def write(path, samples, rate_hz=44_100, subtype="FLOAT", container="WAV"):
    path.parent.mkdir(exist_ok=True)
    soundfile.write(path, samples, rate_hz, subtype=subtype, format=container)
    return path


def separate(tmp_path, source, separator=None, **options):
    separator = separator or IdentitySeparator()
    result = separate_song(separator, source, tmp_path / "out", SongOptions(**options))
    stems = {s.target: soundfile.read(s.path, always_2d=True)[0] for s in result.stems}
    return result, stems


def assert_nothing_left(tmp_path):
    out = tmp_path / "out"
    assert not out.exists() or not list(out.iterdir())


@pytest.mark.parametrize("frames", [1, 3, 9_999, 10_001, 65_536, 200_001])
def test_stems_have_the_songs_length_and_add_up(tmp_path, frames):
    source = write(tmp_path / "song.wav", noise(frames))
    result, stems = separate(tmp_path, source)
    assert result.frames == frames
    assert [stem.frames for stem in result.stems] == [frames] * 4
    total = sum(stems.values())
    assert np.abs(total - noise(frames)).max() <= 4 * 2**-24
    assert result.reconstruction_db > 100
    assert result.common_gain_db == 0.0


@pytest.mark.parametrize(
    ("rate_hz", "channels", "frames"),
    [(8000, 1, 30_001), (48_000, 2, 100_003), (192_000, 2, 300_007), (192_000, 2, 3), (8000, 1, 1)],
)
def test_length_rate_and_channels_are_kept(tmp_path, rate_hz, channels, frames):
    samples = music(frames, rate_hz, channels)
    source = write(tmp_path / "song.wav", samples, rate_hz)
    result, _ = separate(tmp_path, source)
    for stem in result.stems:
        info = soundfile.info(stem.path)
        assert (info.samplerate, info.channels, info.frames) == (rate_hz, channels, frames)
        assert (stem.sample_rate, stem.channels, stem.frames) == (rate_hz, channels, frames)


@pytest.mark.parametrize(("rate_hz", "channels"), [(48_000, 2), (8000, 1), (22_050, 2)])
def test_resampled_stems_stay_aligned_with_the_song(tmp_path, rate_hz, channels):
    source = write(tmp_path / "song.wav", music(rate_hz * 3, rate_hz, channels), rate_hz)
    result, _ = separate(tmp_path, source)
    assert result.reconstruction_db > 50


def test_stem_records_describe_the_files(tmp_path):
    source = write(tmp_path / "song.wav", noise(44_100))
    result, _ = separate(tmp_path, source)
    for stem in result.stems:
        data = stem.path.read_bytes()
        assert stem.path == tmp_path / "out" / f"{stem.target}.flac"
        assert (stem.bytes, stem.sha256) == (len(data), hashlib.sha256(data).hexdigest())
        assert stem.integrated_lufs == pytest.approx(-14 + 20 * np.log10(_share(stem)), abs=1)
        assert stem.active_intervals == ((0.0, 1.0),)
    assert [stem.target for stem in result.stems] == list(TARGETS)
    json.dumps([{**asdict(stem), "path": ""} for stem in result.stems])
    assert set(result.seconds) == {"decode", "separate", "encode"}


def _share(stem):
    return IdentitySeparator().shares[stem.target]


@pytest.mark.parametrize("name", ["a song.wav", 'it\'s "é" 100%.wav', "..a..%20.wav", "🎵🎶.wav"])
def test_odd_names(tmp_path, name):
    result, _ = separate(tmp_path, write(tmp_path / name, noise(1000)))
    assert result.frames == 1000


@pytest.mark.parametrize(("codec", "bit_depth"), [("flac", 24), ("flac", 16), ("wav", 16)])
def test_one_common_gain_keeps_loud_stems_from_clipping(tmp_path, codec, bit_depth):
    samples = noise(50_000, level=3.0)
    source = write(tmp_path / "song.wav", samples)
    result, stems = separate(tmp_path, source, codec=codec, bit_depth=bit_depth)
    gain = 10 ** (result.common_gain_db / 20)
    step = 2.0 ** (1 - bit_depth)
    loudest = np.abs(stems["vocals"]).max()
    assert 1 - 2 * step <= loudest < 1
    for target, share in IdentitySeparator().shares.items():
        assert np.abs(stems[target] - samples * share * gain).max() <= step
    assert all(stem.clipped_samples == 0 for stem in result.stems)


def test_float_output_needs_no_gain(tmp_path):
    source = write(tmp_path / "song.wav", noise(50_000, level=3.0))
    result, stems = separate(tmp_path, source, codec="wav", bit_depth=32)
    assert result.common_gain_db == 0.0
    assert np.abs(stems["vocals"]).max() > 1
    assert all(stem.clipped_samples == 0 for stem in result.stems)


@pytest.mark.parametrize("channels", [1, 2])
def test_the_residual_is_the_mixture_less_the_stems(tmp_path, channels):
    samples = noise(80_000, channels)
    source = write(tmp_path / "song.wav", samples)
    options = {"targets": ("vocals", "bass"), "residual": True}
    result, stems = separate(tmp_path, source, **options)
    assert list(stems) == ["vocals", "bass", "residual"]
    assert np.abs(stems["residual"] - 0.4 * samples).max() <= 2**-23
    assert result.reconstruction_db is None


@pytest.mark.parametrize(("channels", "rate"), [(1, 44_100), (2, 44_100), (2, 48_000)])
def test_projected_stems_add_up_to_the_song(tmp_path, channels, rate):
    source = write(tmp_path / "song.wav", noise(80_000, channels), rate)
    separator = IdentitySeparator((0.4, 0.1, 0.2, 0.0))
    plain, apart = separate(tmp_path, source, separator, codec="wav", bit_depth=32)
    result, stems = separate(
        tmp_path, source, separator, codec="wav", bit_depth=32, consistency="project"
    )
    assert plain.reconstruction_db < 11
    assert result.reconstruction_db > 120
    left = soundfile.read(source, always_2d=True)[0] - sum(apart.values())
    for target, stem in stems.items():
        assert np.abs(stem - apart[target] - left / 4).max() < 1e-6


def test_the_error_of_all_stems_together_falls_with_projection():
    rng = np.random.default_rng(0)
    true, wrong = rng.normal(size=(2, 4, 1000, 2))
    mixed = AlignedBlocks(true.sum(axis=0), dict(zip(TARGETS, true + wrong, strict=True)))
    errors = np.stack(list(mixed.projected().stems.values())) - true
    assert (errors**2).sum() == pytest.approx((wrong**2).sum() * 3 / 4, rel=0.05)


def test_only_all_stems_are_projected(tmp_path):
    source = write(tmp_path / "song.wav", noise(1000))
    with pytest.raises(InvalidOption, match=r"consistency project.*all targets.*got vocals, bass"):
        separate(tmp_path, source, targets=("vocals", "bass"), consistency="project")
    with pytest.raises(InvalidOption, match=r"residual.*leaves nothing over"):
        SongOptions(residual=True, consistency="project")
    with pytest.raises(InvalidOption, match=r"consistency.*none or project"):
        SongOptions(consistency="strict")


def test_reconstruction_is_the_sdr_of_the_sum(tmp_path):
    source = write(tmp_path / "song.wav", noise(50_000))
    separator = IdentitySeparator((0.4, 0.3, 0.2, 0.0))
    result, _ = separate(tmp_path, source, separator)
    assert result.reconstruction_db == pytest.approx(20, abs=0.01)


def test_silence_stays_silence(tmp_path):
    source = write(tmp_path / "song.wav", np.zeros((50_000, 2)))
    result, stems = separate(tmp_path, source)
    assert not any(stem.any() for stem in stems.values())
    assert result.reconstruction_db is None
    assert all(stem.rms_db is None for stem in result.stems)


def test_tags_reach_the_stems(tmp_path):
    with soundfile.SoundFile(tmp_path / "song.flac", "w", 44_100, 2) as file:
        file.title, file.artist = "Señor", "東京"
        file.write(noise(1000))
    result, _ = separate(tmp_path, tmp_path / "song.flac")
    assert result.stems[0].sha256 == hashlib.sha256(result.stems[0].path.read_bytes()).hexdigest()
    with soundfile.SoundFile(result.stems[0].path) as stem:
        assert (stem.title, stem.artist) == ("Señor", "東京")


def test_progress_counts_seconds_to_the_end(tmp_path):
    source = write(tmp_path / "song.wav", noise(44_100 * 5))
    seen = []
    separate_song(
        IdentitySeparator(), source, tmp_path / "out", SongOptions(), progress=seen.append
    )
    assert seen == sorted(seen)
    assert len(seen) > 3
    assert seen[-1] == 5.0


def test_downmix_on_demand(tmp_path):
    source = write(tmp_path / "song.wav", noise(5000, 6))
    with pytest.raises(UnsupportedChannels, match="6 channels"):
        separate(tmp_path, source)
    assert_nothing_left(tmp_path)
    result, _ = separate(tmp_path, source, channels="downmix")
    assert {stem.channels for stem in result.stems} == {2}
    assert result.audio.channels == 6


def test_a_rate_that_flac_can_not_hold_is_skipped_with_its_reason(tmp_path):
    source = write(tmp_path / "song.wav", noise(2000), 768_000)
    with pytest.raises(UnsupportedRate, match="use --codec wav") as caught:
        separate(tmp_path, source)
    assert (caught.value.reason, caught.value.status) == ("unsupported_rate", "skipped")
    assert_nothing_left(tmp_path)
    result, _ = separate(tmp_path, source, codec="wav")
    assert result.stems[0].sample_rate == 768_000


def test_blocks_stay_small_at_the_models_rate_too(tmp_path, monkeypatch):
    pushed = []
    push = IdentityStream.push
    monkeypatch.setattr(
        IdentityStream, "push", lambda self, block: pushed.append(len(block)) or push(self, block)
    )
    source = write(tmp_path / "song.wav", noise(2000), 400)
    separate(tmp_path, source, targets=("vocals",))
    assert max(pushed) <= 2 * 65_536
    assert sum(pushed) == 2000 * 44_100 // 400


def _cut(path):
    path.write_bytes(path.read_bytes()[:-1000])
    return path


def _with_nan(path):
    samples = noise(100_000)
    samples[99_000] = np.nan
    return write(path, samples)


def _text(path):
    path.write_text("not a song\n" * 1000)
    return path


DAMAGED = {
    EmptySource: lambda path: path.touch() or path,
    NotAudio: _text,
    TruncatedAudio: lambda path: _cut(write(path, noise(100_000), subtype="PCM_16")),
    NonFiniteAudio: _with_nan,
}


@pytest.mark.parametrize("error", DAMAGED)
def test_damaged_songs_leave_nothing_behind(tmp_path, error):
    source = DAMAGED[error](tmp_path / "song.wav")
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    with pytest.raises(error):
        separate_song(
            IdentitySeparator(), source, tmp_path / "out", SongOptions(), scratch_dir=scratch
        )
    assert_nothing_left(tmp_path)
    assert not list(scratch.iterdir())


def test_a_failing_encoder_leaves_no_partial_stem(tmp_path):
    source = write(tmp_path / "song.wav", noise(1000))
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "bass.flac.part").symlink_to("/dev/full")
    with pytest.raises(ScratchFull, match="stem can't be written"):
        separate(tmp_path, source)
    assert_nothing_left(tmp_path)


def test_a_network_that_yields_nan_is_named(tmp_path):
    source = write(tmp_path / "song.wav", noise(1000))
    with pytest.raises(NonFiniteAudio, match="network output for 'vocals'"):
        separate(tmp_path, source, IdentitySeparator((np.nan, 0, 0, 0)))
    assert_nothing_left(tmp_path)


def test_room_is_checked_before_work_begins(tmp_path, monkeypatch):
    source = write(tmp_path / "song.wav", noise(100_000))
    needed = 100_000 * 2 * 4 * (4 + 3)  # samples, channels, stems; 4 bytes drafted, 3 encoded
    usage = namedtuple("usage", "total used free")(0, 0, needed - 1)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(ScratchFull, match=f"expected {needed} bytes free, got {needed - 1} bytes"):
        separate(tmp_path, source)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=needed))
    assert separate(tmp_path, source)[0].frames == 100_000


def test_a_header_that_promises_the_moon_is_called_truncated(tmp_path):
    source = write(tmp_path / "song.flac", noise(50_000), subtype="PCM_16", container="FLAC")
    data = bytearray(source.read_bytes())
    data[21:26] = (int.from_bytes(data[21:26], "big") | (1 << 36) - 1).to_bytes(5, "big")
    source.write_bytes(data)
    with pytest.raises(TruncatedAudio):
        separate(tmp_path, source)


@pytest.mark.parametrize(
    "options",
    [
        {"codec": "mp3"},
        {"bit_depth": 32},
        {"overlap": 0.6},
        {"overlap": -0.1},
        {"channels": "first"},
        {"targets": ()},
    ],
)
def test_wrong_options_are_refused(options):
    with pytest.raises(InvalidOption, match="expected"):
        SongOptions(**options)


def test_unknown_targets_are_refused(tmp_path):
    source = write(tmp_path / "song.wav", noise(1000))
    with pytest.raises(UnknownTarget, match="kazoo"):
        separate(tmp_path, source, targets=("kazoo",))


def peak_memory_mb(seconds, folder):
    """Of a fresh process that separates a loud song: few samples a second, but all the seconds."""
    root = Path(__file__).parents[2]
    song = ["--one", str(seconds), "--rate", "2000", "--codec", "wav", "--scratch", str(folder)]
    done = subprocess.run(
        [sys.executable, root / "tests" / "bench" / "memory.py", *song],
        check=True,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(root)},
    )
    return json.loads(done.stdout)["peak_mb"]


def test_three_hours_need_no_more_memory_than_a_minute(tmp_path):
    minute = peak_memory_mb(60, tmp_path)
    three_hours = peak_memory_mb(3 * 3600, tmp_path)
    assert three_hours - minute < 100
