"""Files made from their formats' grammar with fields of any value: what the mutation of real files
seldom reaches. Each is read or refused by one typed error, soon, in little memory."""

import io
import json
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.soak.fuzz import Reader, fault_of

FEW = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
u16 = st.sampled_from([0, 1, 2, 3, 6, 8, 16, 24, 32, 255, 0xFFFE, 0xFFFF]) | st.integers(0, 0xFFFF)
u32 = st.sampled_from([0, 1, 44100, 655_350, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF]) | st.integers(
    0, 0xFFFFFFFF
)
i64 = st.integers(-(2**63), 2**63 - 1) | st.integers(0, 4096)


@pytest.fixture(scope="module")
def reader() -> Iterator[Reader]:
    """A process that reads, so that a crash is a finding and no end of the tests."""
    process = Reader()
    yield process
    process.end()


def check(reader: Reader, path: Path, data: bytes) -> None:
    path.write_bytes(data)
    assert fault_of(reader.facts_of(path)) is None


@st.composite
def chunks(draw) -> bytes:
    """A RIFF chunk whose size need not be that of its content."""
    name = draw(st.sampled_from([b"fmt ", b"data", b"ds64", b"fact", b"LIST", b"bext", b"cue "]))
    if name == b"fmt ":
        content = struct.pack("<HHIIHH", *(draw(kind) for kind in (u16, u16, u32, u32, u16, u16)))
        content += draw(st.binary(max_size=26))
    else:
        content = draw(st.binary(max_size=200))
    return name + struct.pack("<I", draw(st.just(len(content)) | u32)) + content


@FEW
@given(
    kind=st.sampled_from([b"RIFF", b"RF64", b"RIFX"]),
    size=u32,
    content=st.lists(chunks(), min_size=1, max_size=6),
)
def test_wav_files_of_any_chunks(reader, tmp_path, kind, size, content):
    data = kind + struct.pack("<I", size) + b"WAVE" + b"".join(content)
    check(reader, tmp_path / "song.wav", data)


@FEW
@given(
    info=st.binary(min_size=34, max_size=34),
    blocks=st.lists(st.tuples(st.integers(0, 255), st.integers(0, 2**24 - 1)), max_size=4),
    rest=st.binary(max_size=300),
)
def test_flac_files_of_any_stream_information(reader, tmp_path, info, blocks, rest):
    data = b"fLaC\x00\x00\x00\x22" + info
    data += b"".join(struct.pack(">I", kind << 24 | size) for kind, size in blocks) + rest
    check(reader, tmp_path / "song.flac", data)


tensors = st.builds(
    lambda shape, dtype: torch.zeros(shape, dtype=dtype),
    st.lists(st.integers(0, 5), max_size=4),
    st.sampled_from([torch.float32, torch.float16, torch.int64, torch.bool, torch.complex64]),
)
names = st.sampled_from(
    ["state_dict", "hyper_parameters", "n_fft", "hop_length", "conv.weight", "num_blocks"]
) | st.text(max_size=8)
leaves = st.none() | st.booleans() | i64 | st.floats() | st.text(max_size=8) | tensors
objects = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=5),
    max_leaves=12,
)


@FEW
@given(content=objects, is_zip=st.booleans())
def test_checkpoints_of_any_objects(reader, tmp_path, content, is_zip):
    file = io.BytesIO()
    torch.save(content, file, _use_new_zipfile_serialization=is_zip)
    check(reader, tmp_path / "any.ckpt", file.getvalue())


entries = st.fixed_dictionaries(
    {
        "dtype": st.sampled_from(["F32", "F16", "BF16", "I64", "BOOL", "U128"]),
        "shape": st.lists(i64, max_size=5),
        "data_offsets": st.lists(i64, min_size=1, max_size=3),
    }
)


@FEW
@given(
    header=st.dictionaries(names, entries | leaves.filter(lambda x: not torch.is_tensor(x))),
    size=st.none() | i64,
    rest=st.binary(max_size=100),
)
def test_safetensors_of_any_header(reader, tmp_path, header, size, rest):
    text = json.dumps(header).encode()
    data = struct.pack("<q", len(text) if size is None else size) + text + rest
    check(reader, tmp_path / "any.safetensors", data)
