"""Sound files of many encoders, and their damaged siblings, made on the spot."""

import struct
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import soundfile

from lasaft_core.audio.reader import open_audio

RATE_HZ = 44100


def noise(frames, channels=2, seed=0):
    """Float32 [frames, channels], about -20 dBFS: no codec can drop it as silence."""
    generator = np.random.default_rng(seed)
    return (0.1 * generator.standard_normal((frames, channels))).astype(np.float32)


def write_soundfile(path, samples, container, subtype, rate_hz=RATE_HZ):
    soundfile.write(path, samples, rate_hz, format=container, subtype=subtype)
    return path


def write_av(path, codec, samples, rate_hz=RATE_HZ, *, container=None, options=None, tags=None):
    """Encode with FFmpeg's own muxers, as most of the world's files were."""
    layout = {1: "mono", 2: "stereo", 6: "5.1", 8: "7.1"}[samples.shape[1]]
    with av.open(str(path), "w", format=container, options=options or {}) as output:
        output.metadata.update(tags or {})
        stream = output.add_stream(codec, rate=rate_hz, layout=layout)
        context = stream.codec_context
        context.options = {"strict": "experimental"}
        converter = av.AudioResampler(format=context.format, layout=layout, rate=rate_hz)
        for start in range(0, len(samples), 4096):
            packed = np.ascontiguousarray(samples[start : start + 4096]).reshape(1, -1)
            frame = av.AudioFrame.from_ndarray(packed, format="flt", layout=layout)
            frame.sample_rate, frame.pts = rate_hz, start
            frame.time_base = Fraction(1, rate_hz)
            for converted in converter.resample(frame):
                output.mux(stream.encode(converted))
        for converted in converter.resample(None):
            output.mux(stream.encode(converted))
        output.mux(stream.encode(None))
    return path


def read_whole(path, frames=65536):
    """AudioInfo and float32 [samples, channels]."""
    with open_audio(Path(path)) as reader:
        return reader.info, np.concatenate(list(reader.blocks(frames)))


def write_caf(path, samples, layout_tag):
    """16-bit, of a layout that Apple's Core Audio has a number for."""
    channels = samples.shape[1]
    plain = struct.pack(">d4sIIIII", RATE_HZ, b"lpcm", 0, 2 * channels, 1, channels, 16)
    audio = bytes(4) + (samples * 32767).astype(">i2").tobytes()
    chunks = {b"desc": plain, b"chan": struct.pack(">III", layout_tag, 0, 0), b"data": audio}
    written = b"".join(struct.pack(">4sq", name, len(body)) + body for name, body in chunks.items())
    path.write_bytes(b"caff\0\1\0\0" + written)
    return path


def id3v2(body_bytes):
    sizes = [body_bytes >> shift & 0x7F for shift in (21, 14, 7, 0)]
    return b"ID3\x04\x00\x00" + bytes(sizes) + bytes(body_bytes)


ID3V1 = b"TAG" + b"Title".ljust(125, b"\0")
APE_ITEM = struct.pack("<II", 3, 0) + b"Title\0abc"
APE_TAG = APE_ITEM + struct.pack("<8sIIII8x", b"APETAGEX", 2000, len(APE_ITEM) + 32, 1, 0)
LIST_CHUNK = b"LIST" + struct.pack("<I", 18) + b"INFOINAM" + struct.pack("<I", 6) + b"Title\0"


def with_riff_sizes(wav, riff_size=None, data_size=None):
    patched = bytearray(wav)
    if riff_size is not None:
        struct.pack_into("<I", patched, 4, riff_size)
    if data_size is not None:
        struct.pack_into("<I", patched, wav.index(b"data") + 4, data_size)
    return bytes(patched)


def with_flac_total(flac, frames):
    patched = bytearray(flac)
    field = slice(18, 26)
    value = int.from_bytes(patched[field], "big") >> 36 << 36 | frames
    patched[field] = value.to_bytes(8, "big")
    return bytes(patched)


def with_xing_frames(mp3, change):
    patched = bytearray(mp3)
    mark = max(mp3.find(b"Xing"), mp3.find(b"Info"))
    struct.pack_into(">I", patched, mark + 8, struct.unpack_from(">I", mp3, mark + 8)[0] + change)
    return bytes(patched)


def ogg_pages(ogg):
    starts = []
    while (start := ogg.find(b"OggS", starts[-1] + 4 if starts else 0)) >= 0:
        starts.append(start)
    return [ogg[a:b] for a, b in zip(starts, [*starts[1:], len(ogg)], strict=True)]


def with_ogg_fields(page, *, flags=None, granule=None):
    """A page with other header fields and a right checksum."""
    patched = bytearray(page)
    patched[5] = patched[5] if flags is None else flags
    if granule is not None:
        struct.pack_into("<q", patched, 6, granule)
    patched[22:26] = bytes(4)
    crc = 0
    for byte in patched:
        crc ^= byte << 24
        for _ in range(8):
            crc = (crc << 1 ^ (0x04C11DB7 if crc >> 31 else 0)) & 0xFFFFFFFF
    struct.pack_into("<I", patched, 22, crc)
    return bytes(patched)
