"""Sources that need PyAV's bundled FFmpeg libraries: M4A/AAC, ALAC, Matroska, WavPack, WMA ...

Opened through a file object and a list of plain containers: a playlist that calls itself a song
can't make it open other files or the network.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

import av
import numpy as np
from av.codec.context import Flags2
from av.container import InputContainer
from av.error import FFmpegError, InvalidDataError

from lasaft_core.audio.blocks import Block, regroup
from lasaft_core.audio.files import BoundedFile
from lasaft_core.audio.formats import AudioInfo
from lasaft_core.audio.tags import normalise
from lasaft_core.errors import NotAudio, TruncatedAudio

CONTAINERS: Final = (
    "aac,ac3,aiff,amr,ape,asf,au,avi,caf,dsf,dts,eac3,flac,flv,matroska,mov,mp3,mpc,mpc8,mpeg,"
    "mpegts,ogg,rm,tak,tta,voc,w64,wav,webm,wv"
)
# These store times or counts, so that their durations are promises; the others estimate.
TIMED_CONTAINERS: Final = frozenset({"mov", "matroska", "asf", "ape", "wv", "tta"})
TIMED_SLACK_SECONDS: Final = 0.1
EDIT_UNIT_SECONDS: Final = 1 / 600
FULL_OF_PLANES: Final = 8  # as many as a frame has pointers: none is left to mark their end
# Full scale by sample format, without the mark of planar ones.
FULL_SCALES: Final = {"u8": 2**7, "s16": 2**15, "s32": 2**31, "flt": 1, "dbl": 1}


def open_container(file: BinaryIO) -> InputContainer:
    """Raises FFmpegError."""
    whitelist = {"format_whitelist": CONTAINERS}
    return av.open(file, "r", metadata_errors="replace", container_options=whitelist)


def read_tags(path: Path) -> dict[str, str]:
    """All that the container carries; libsndfile knows ten names only, and no ISRC."""
    with BoundedFile(path) as file:
        try:
            container = open_container(file)
        except FFmpegError:  # libsndfile decodes some containers that FFmpeg does not open
            return {}
        with container:
            return _all_tags(container)


def count_packet_frames(file: BinaryIO) -> int | None:
    """Sum of what the packets of a FLAC say they last; None if FFmpeg does not open it."""
    file.seek(0)
    try:
        with open_container(file) as container:
            stream = _audio_stream(container)
            return sum(packet.duration or 0 for packet in container.demux(stream) if packet.size)
    except FFmpegError:  # whether the audio itself can be decoded is for the decoder to say
        return None


class LibavSource:
    """Raises NotAudio if there is not one decodable frame."""

    def __init__(self, path: Path) -> None:
        self._handle = BoundedFile(path)
        try:
            self._container = open_container(self._handle)
        except FFmpegError as error:
            self._handle.close()
            raise _not_audio(error.strerror) from error
        try:
            self._stream = _audio_stream(self._container)
            if self._family == "mp3":  # read here only without a count, or with a wrong one
                self._stream.codec_context.flags2 |= Flags2.skip_manual
            self._packets_end = 0.0
            self._decoded = self._decode()
            self._first = self._first_frame()
        except NotAudio:
            self.close()
            raise
        self.layout = tuple(channel.name for channel in self._first.layout.channels)
        self.info = self._describe()

    def blocks(self, frames: int) -> Iterator[Block]:
        yield from regroup(self._pieces(), frames)

    def close(self) -> None:
        self._container.close()
        self._handle.close()

    def _pieces(self) -> Iterator[Block]:
        """One codec frame at a time; the last one without the encoder's padding."""
        held, total, largest = to_block(self._first), 0, 0
        for frame in self._decoded:
            yield held
            total, largest = total + len(held), max(largest, len(held))
            held = self._same_kind(frame)
        padding = self._padding_frames(total + len(held), len(held))
        yield held[: len(held) - padding]
        self._check_length(total + len(held) - padding, max(largest, len(held)))

    def _decode(self) -> Iterator[av.AudioFrame]:
        try:
            for packet in self._container.demux(self._stream):
                if packet.pts is not None and packet.duration:
                    end = float((packet.pts + packet.duration) * packet.time_base)
                    self._packets_end = max(self._packets_end, end)
                yield from self._decode_packet(packet)
        except FFmpegError as error:
            raise _breaks_off(self._family, str(error.strerror)) from error

    def _decode_packet(self, packet: "av.Packet[av.AudioStream]") -> list[av.AudioFrame]:
        try:
            return packet.decode()
        except InvalidDataError:
            # Junk between MPEG frames (old tags) is common: there the frame count decides.
            if self._family == "mp3":
                return []
            raise

    def _first_frame(self) -> av.AudioFrame:
        try:
            return next(self._decoded)
        except StopIteration as error:
            got = "a stream of no frames, or too short for its codec to decode"
            raise _not_audio(got) from error
        except (FFmpegError, TruncatedAudio) as error:
            raise _not_audio("no decodable frame") from error

    def _same_kind(self, frame: av.AudioFrame) -> Block:
        block = to_block(frame)
        if (frame.sample_rate, block.shape[1]) != (self.info.sample_rate, self.info.channels):
            raise NotAudio(
                "sample rate or channels change inside the file",
                expected=f"{self.info.sample_rate} Hz, {self.info.channels} channels",
                got=f"{frame.sample_rate} Hz, {block.shape[1]} channels",
                remedy="convert it to one format first",
            )
        return block

    def _padding_frames(self, decoded: int, last: int) -> int:
        """MPEG-4: the last packet's duration, else the edit list's, tells where the music ends.

        Edit lists count in units as coarse as 1/600 s: smaller differences are rounding.
        """
        rate = self.info.sample_rate
        ends = ((self._packets_end, 0.0), (self._promised_seconds or 0.0, EDIT_UNIT_SECONDS))
        for end_seconds, unit_seconds in ends:
            padding = decoded - round(end_seconds * rate)
            if self._family == "mov" and unit_seconds * rate < padding < last:
                return padding
        return 0

    def _check_length(self, decoded: int, largest: int) -> None:
        rate = self.info.sample_rate
        if self._promised_seconds is None or self._family not in TIMED_CONTAINERS:
            return
        if decoded + largest < (self._promised_seconds - TIMED_SLACK_SECONDS) * rate:
            promised = f"{self._promised_seconds:.2f} s"
            raise _breaks_off(self._family, f"{decoded / rate:.2f} s", expected=promised)

    @property
    def _family(self) -> str:
        return self._container.format.name.split(",")[0]

    @property
    def _promised_seconds(self) -> float | None:
        """The stream's own duration, else the container's if nothing else is in it."""
        if self._stream.duration is not None and self._stream.time_base is not None:
            return float(self._stream.duration * self._stream.time_base)
        if self._container.duration is not None and len(self._container.streams) == 1:
            return self._container.duration / 1e6
        return None

    def _describe(self) -> AudioInfo:
        return AudioInfo(
            container=self._family,
            codec=self._stream.codec_context.name,
            sample_rate=self._first.sample_rate,
            channels=len(self.layout),
            frames=None,
            duration_seconds=self._promised_seconds,
            tags=_all_tags(self._container),
        )


def to_block(frame: av.AudioFrame) -> Block:
    """Any sample format to float32 [samples, channels]; power-of-two scales, so exact to 24 bit."""
    name = frame.format.name.removesuffix("p")
    if name not in FULL_SCALES:
        raise _not_audio(f"samples as {name}")
    frame = _without_planes(frame)
    data = frame.to_ndarray()
    data = data.T if frame.format.is_planar else data.reshape(-1, frame.layout.nb_channels)
    block = np.ascontiguousarray(data, dtype=np.float32)
    return block / np.float32(FULL_SCALES[name]) - np.float32(name == "u8")


def _without_planes(frame: av.AudioFrame) -> av.AudioFrame:
    """Of so many planes PyAV doesn't see the last, and reads on past it."""
    if not frame.format.is_planar or frame.layout.nb_channels < FULL_OF_PLANES:
        return frame
    (packed,) = av.AudioResampler(format=frame.format.packed).resample(frame)
    return packed


def _audio_stream(container: InputContainer) -> av.AudioStream:
    stream = container.streams.best("audio")
    if not isinstance(stream, av.AudioStream):
        raise _not_audio("no audio stream")
    return stream


def _all_tags(container: InputContainer) -> dict[str, str]:
    raw: dict[str, str] = dict(container.metadata)
    for stream in container.streams.audio:
        raw |= stream.metadata
    return normalise(raw)


def _not_audio(got: str | None) -> NotAudio:
    return NotAudio(
        "not an audio file that can be decoded",
        expected="WAV, FLAC, Ogg, MP3, AIFF, M4A or the like",
        got=got,
        remedy="replace or remove it",
    )


def _breaks_off(family: str, got: str, *, expected: str | None = None) -> TruncatedAudio:
    remedy = "upload the source again"
    return TruncatedAudio(f"{family} stream breaks off", expected=expected, got=got, remedy=remedy)
