"""The file rung of the API ladder: one song in, its stems as files out.

    decode -> separate (at the network's rate) -> drafts on disk -> common gain -> encode -> rename
    thread    caller                              thread            caller

Streams in constant memory for any duration. Works with any separator of the protocol in
`song_stream`, so that it needs no torch of its own.
"""

import math
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

from lasaft_core.audio.blocks import BLOCK_FRAMES, Block
from lasaft_core.audio.channels import CHANNEL_POLICIES, ChannelMap
from lasaft_core.audio.drafts import SongDrafts, check_room
from lasaft_core.audio.formats import AudioInfo, OutputFormat
from lasaft_core.audio.reader import AudioReader, open_audio
from lasaft_core.audio.writer import StemLayout
from lasaft_core.errors import InvalidOption, ScratchFull, TooLong
from lasaft_core.song_stream import (
    AlignedBlocks,
    InputPiece,
    SeparationStream,
    SongInput,
    SongOutput,
    SongSeparator,
)
from lasaft_core.stem_files import StemFile, encode_stems
from lasaft_core.threads import ReadAhead, WriteBehind

__all__ = [
    "DraftedSong",
    "OpenSong",
    "SongOptions",
    "SongResult",
    "StemFile",
    "common_gain",
    "open_song",
    "separate_song",
]

CONSISTENCIES: Final = ("none", "project")
MAX_SONG_SECONDS: Final = 12 * 3600.0
MAX_RECONSTRUCTION_DB: Final = 200.0  # stands for "exact": JSON has no infinity

BLOCKS_AHEAD: Final = 16  # decoded for the network, of half a second to a second and a half each
BLOCKS_BEHIND: Final = 2  # separated, to be resampled and kept

Progress = Callable[[float], None]
Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class SongOptions:
    """`channels` says what becomes of more than two channels: "skip" or "downmix".

    `consistency`: "project" makes all the network's stems add up to the mixture; see
    `AlignedBlocks.projected`.
    """

    targets: tuple[str, ...] | None = None
    overlap: float = 0.25
    codec: str = "flac"
    bit_depth: int = 24
    channels: str = "skip"
    residual: bool = False
    consistency: str = "none"

    def __post_init__(self) -> None:
        OutputFormat(self.codec, self.bit_depth)
        if self.targets is not None and not self.targets:
            raise InvalidOption("targets", expected="at least one", got="none")
        if not 0.0 <= self.overlap <= 0.5:
            raise InvalidOption("overlap", expected="0 to 0.5", got=self.overlap)
        if self.channels not in CHANNEL_POLICIES:
            expected = " or ".join(CHANNEL_POLICIES)
            raise InvalidOption("channels", expected=expected, got=repr(self.channels))
        if self.consistency not in CONSISTENCIES:
            expected = " or ".join(CONSISTENCIES)
            raise InvalidOption("consistency", expected=expected, got=repr(self.consistency))
        if self.residual and self.consistency == "project":
            raise InvalidOption(
                "residual", expected="consistency none", got="project, which leaves nothing over"
            )

    def select_targets(self, separator: SongSeparator) -> tuple[str, ...]:
        """The separator's for None. Raises UnknownTarget, and InvalidOption for a projection of
        fewer stems than the mixture is made of."""
        selected = separator.select_targets(self.targets)
        if self.consistency == "project" and not 1 < len(separator.targets) == len(selected):
            raise InvalidOption(
                "consistency project",
                expected="all targets of a network of several",
                got=", ".join(selected),
                remedy="leave targets out, or choose consistency none",
            )
        return selected

    @property
    def output(self) -> OutputFormat:
        return OutputFormat(self.codec, self.bit_depth)


@dataclass(frozen=True, slots=True)
class SongResult:
    """`reconstruction_db` is the SDR of the stems' sum against the mixture, if all are there."""

    audio: AudioInfo
    stems: tuple[StemFile, ...]
    common_gain_db: float
    reconstruction_db: float | None
    seconds: Mapping[str, float]  # decode, separate, encode
    frames: int


@dataclass(slots=True)
class StageClock:
    """Adds up the seconds of each stage; the stages may be at work at the same time."""

    seconds: dict[str, float] = field(
        default_factory=lambda: {"decode": 0.0, "separate": 0.0, "encode": 0.0}
    )

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.seconds[name] += time.perf_counter() - start

    def each(self, name: str, items: Iterator[Item]) -> Iterator[Item]:
        """The items, with the time that it takes to make them."""
        while True:
            with self.stage(name):
                item = next(items, None)
            if item is None:
                return
            yield item


@dataclass(frozen=True, slots=True)
class DraftedSong:
    """A separated song whose stems lie in scratch files, to be encoded."""

    info: AudioInfo
    drafts: SongDrafts
    layout: StemLayout
    clock: StageClock
    is_complete: bool

    def encoded(self, out_dir: Path) -> SongResult:
        """Writes `out_dir/<target>.<codec>` for all targets, or none of them."""
        gain = common_gain(self.drafts.peak, self.layout.output)
        with self.clock.stage("encode"):
            stems = encode_stems(self.drafts, out_dir, self.layout, gain)
        return SongResult(
            audio=self.info,
            stems=stems,
            common_gain_db=20 * math.log10(gain),
            reconstruction_db=_reconstruction_db(self.drafts) if self.is_complete else None,
            seconds=self.clock.seconds,
            frames=self.drafts.frames,
        )


@dataclass(frozen=True, slots=True)
class OpenSong:
    """A song that is being decoded; `drafted` sends it through the network, once."""

    song: DraftedSong
    stream: SeparationStream
    output: SongOutput
    pieces: ReadAhead[InputPiece]
    is_projected: bool

    def drafted(self, progress: Progress | None = None) -> DraftedSong:
        """`progress` is called with the seconds of audio done so far."""
        song = self.song
        with WriteBehind(self._keep, BLOCKS_BEHIND) as writer:
            for piece in self.pieces:
                with song.clock.stage("separate"):
                    stems = self.stream.push(piece.audio)
                writer.put(partial(self.output.push, piece.mix, stems))
                if progress is not None:
                    progress(song.drafts.frames / song.info.sample_rate)
            with song.clock.stage("separate"):
                rest = self.stream.finish()
            writer.put(partial(self.output.finish, rest))
            writer.finish()
        if progress is not None:
            progress(song.drafts.frames / song.info.sample_rate)
        return song

    def _keep(self, align: Callable[[], AlignedBlocks]) -> None:
        with self.song.clock.stage("encode"):
            aligned = align().projected() if self.is_projected else align()
            self.song.drafts.append(aligned.mix, aligned.stems)


@contextmanager
def open_song(
    separator: SongSeparator,
    source: Path,
    out_dir: Path,
    options: SongOptions,
    *,
    scratch_dir: Path | None = None,
) -> Iterator[OpenSong]:
    """Decoding begins at once, some seconds ahead of the network.

    The drafts are gone at the end; `out_dir` must have room. Raises UnknownTarget and the
    TrackErrors of reading, channels and disk space.
    """
    targets = options.select_targets(separator)
    scratch_root = Path(scratch_dir or tempfile.gettempdir())
    clock = StageClock()
    with (
        open_audio(source) as reader,
        tempfile.TemporaryDirectory(prefix="stems-", dir=scratch_root) as scratch,
    ):
        channel_map = ChannelMap(reader.info.channels, options.channels, reader.layout)
        _check_length(reader)
        layout = _layout(reader.info, channel_map.stem_channels, options)
        _check_room(reader, layout, len(targets) + options.residual, (scratch_root, out_dir))
        rates = {"source_hz": reader.info.sample_rate, "model_hz": separator.sample_rate}
        song_input = SongInput(channel_map, **rates)
        pieces = clock.each("decode", song_input.pieces(bounded(reader, song_input.block_frames)))
        with (
            SongDrafts(
                Path(scratch), targets, layout.channels, residual=options.residual
            ) as drafts,
            ReadAhead(pieces, BLOCKS_AHEAD) as ahead,
        ):
            complete = set(targets) >= set(separator.targets)
            song = DraftedSong(reader.info, drafts, layout, clock, complete)
            stream = separator.stream(targets, overlap=options.overlap)
            projected = options.consistency == "project"
            yield OpenSong(song, stream, SongOutput(channel_map, **rates), ahead, projected)


def separate_song(
    separator: SongSeparator,
    source: Path,
    out_dir: Path,
    options: SongOptions,
    *,
    scratch_dir: Path | None = None,
    progress: Progress | None = None,
) -> SongResult:
    """`open_song`, drafted and encoded at once: `out_dir/<target>.<codec>` for all, or none."""
    with open_song(separator, source, out_dir, options, scratch_dir=scratch_dir) as song:
        return song.drafted(progress).encoded(out_dir)


def common_gain(peak: float, output: OutputFormat) -> float:
    """1, or what brings the loudest stem just under full scale; float output needs none."""
    if output.is_float or peak <= 1 - output.step / 2:
        return 1.0
    return (1 - output.step) / peak


def _layout(info: AudioInfo, channels: int, options: SongOptions) -> StemLayout:
    expected = info.frames or math.ceil((info.duration_seconds or 0.0) * info.sample_rate)
    return StemLayout(options.output, info.sample_rate, channels, expected, info.tags)


def _check_room(
    reader: AudioReader, layout: StemLayout, stems: int, folders: tuple[Path, Path]
) -> None:
    """Drafts in the first folder, encoded stems at their largest in the second."""
    samples = layout.frames * layout.channels * stems
    scratch, out_dir = folders
    encoded = layout.pcm_bytes * stems
    try:
        check_room(((scratch, samples * 4), (out_dir, encoded)))
    except ScratchFull:
        for _ in bounded(reader):  # a damaged header may promise any length: TruncatedAudio then
            pass
        raise


def bounded(reader: AudioReader, frames: int = BLOCK_FRAMES) -> Iterator[Block]:
    """Its blocks. Raises TooLong past `MAX_SONG_SECONDS`: a few bytes can hold days of silence."""
    rate_hz, decoded = reader.info.sample_rate, 0
    for block in reader.blocks(frames):
        decoded += len(block)
        if decoded > MAX_SONG_SECONDS * rate_hz:
            raise _too_long("more")
        yield block


def _check_length(reader: AudioReader) -> None:
    """A damaged header may promise any length: TruncatedAudio then."""
    promised = reader.info.duration_seconds or 0.0
    if promised > MAX_SONG_SECONDS:
        for _ in bounded(reader):
            pass
        raise _too_long(f"{promised / 3600:.1f} hours promised")


def _too_long(got: str) -> TooLong:
    expected = f"at most {MAX_SONG_SECONDS / 3600:.0f} hours"
    return TooLong("too long for one song", expected=expected, got=got, remedy="split it")


def _reconstruction_db(drafts: SongDrafts) -> float | None:
    """None for a silent song."""
    if drafts.sdr.reference_energy == 0:
        return None
    return min(drafts.sdr.sdr_db(), MAX_RECONSTRUCTION_DB)
