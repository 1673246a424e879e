"""Reads torch's files, zipped and legacy, without importing or calling anything that they name.

A pickle may name any function and have it called. Here every name resolves to one of the
stand-ins below: plain containers and tensors are rebuilt by our own code, everything else
becomes an `Inert` object that records what was put into it and does nothing.
Not the published layout: see `published.py`.
"""

import math
import pickle
import pickletools
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, BinaryIO, NamedTuple

import torch
from torch import Tensor

from lasaft_core.errors import UnreadableCheckpoint

MAX_PICKLE_BYTES = 64 * 2**20
_MEMO_WRITES = ("PUT", "BINPUT", "LONG_BINPUT")
_LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
_DTYPES = {
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "DoubleStorage": torch.float64,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
}


class Inert(dict[Any, Any]):
    """Stands for an object of an unknown class; keeps items, ignores all else."""

    def __new__(cls, *_args: object, **_kwargs: object) -> "Inert":
        return super().__new__(cls)

    def __init__(self, *_args: object, **_kwargs: object) -> None:
        super().__init__()

    __hash__ = object.__hash__  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        return self is other

    def __setstate__(self, state: object) -> None:
        if isinstance(state, dict):
            dict.update(self, state)

    def append(self, _item: object) -> None:
        """Pickle's APPEND on a list subclass."""

    def extend(self, _items: object) -> None:
        """Pickle's APPENDS on a list subclass."""


class Storage(NamedTuple):
    """A flat run of numbers and the name of its torch storage class."""

    values: Tensor


def read_zip(path: Path) -> Any:
    """The object that `torch.save` wrote, its unknown parts inert.

    Raises UnreadableCheckpoint where the file is no such archive or is damaged.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return _SafeUnpickler.from_archive(archive, path).load()
    except UnreadableCheckpoint:
        raise
    except Exception as error:  # a hostile pickle may raise anything
        raise UnreadableCheckpoint(
            f"checkpoint {path.name}",
            expected="a torch zip archive",
            got=f"{type(error).__name__}: {error}",
            remedy="download it again, or convert it with the torch that wrote it",
        ) from error


def read_legacy(path: Path) -> Any:
    """The object of a file that `torch.save` wrote before its zip format, unknown parts inert.

    Three small pickles (magic number, version, machine), the object, the list of its storages'
    keys, then each storage: its length as int64 and its numbers. Raises UnreadableCheckpoint.
    """
    try:
        with path.open("rb") as file:
            return _read_legacy(file, path.stat().st_size)
    except Exception as error:
        raise UnreadableCheckpoint(
            f"checkpoint {path.name}",
            expected="a file that torch.save wrote",
            got=f"{type(error).__name__}: {error}",
            remedy="give a published checkpoint, or a file that this project wrote",
        ) from error


def _read_legacy(file: BinaryIO, size: int) -> Any:
    if _plain(file) != _LEGACY_MAGIC:
        raise pickle.UnpicklingError("no torch file: another magic number")
    for _ in ("version", "machine"):
        _plain(file)
    _check_memo(file)
    unpickler = _LegacyUnpickler(file, size)
    content = unpickler.load()
    for key in _plain(file):
        unpickler.fill(str(key), file)
    return content


def _plain(file: BinaryIO) -> Any:
    _check_memo(file)
    return _Plain(file).load()


def _check_memo(file: IO[bytes]) -> None:
    """Raises UnpicklingError for a pickle that numbers its objects beyond its length: the memo is
    a table as long as its highest number. Leaves the file where it was."""
    start = file.tell()
    highest = length = 0
    for opcode, argument, position in pickletools.genops(file):
        length = (position or 0) - start
        if opcode.name in _MEMO_WRITES:
            highest = max(highest, int(str(argument)))
    if highest > length:
        raise pickle.UnpicklingError(f"object {highest} of a pickle of {length} bytes")
    file.seek(start)


class _Plain(pickle.Unpickler):
    """Numbers, text and plain containers: no name resolves."""

    def find_class(self, module: str, name: str) -> Any:
        raise pickle.UnpicklingError(f"{module}.{name} in a header")


class _SafeUnpickler(pickle.Unpickler):
    """Resolves names to stand-ins only; loads storages from the archive's own entries."""

    _load: Callable[[str], bytes]

    @classmethod
    def from_archive(cls, archive: zipfile.ZipFile, path: Path) -> "_SafeUnpickler":
        names = [n for n in archive.namelist() if n.endswith("/data.pkl")]
        if len(names) != 1:
            raise UnreadableCheckpoint(
                f"checkpoint {path.name}", expected="one data.pkl", got=f"{len(names)} of them"
            )
        info = archive.getinfo(names[0])
        if info.file_size > MAX_PICKLE_BYTES or info.compress_type != zipfile.ZIP_STORED:
            raise UnreadableCheckpoint(
                f"checkpoint {path.name}",
                expected=f"an uncompressed pickle of at most {MAX_PICKLE_BYTES} bytes",
                got=f"{info.file_size} bytes, compression type {info.compress_type}",
            )
        pickled = archive.open(info)
        _check_memo(pickled)
        unpickler = cls(pickled)
        prefix = names[0].removesuffix("data.pkl") + "data/"
        unpickler._load = lambda key: _stored_bytes(archive, prefix + key)
        return unpickler

    def find_class(self, module: str, name: str) -> Any:
        known = _KNOWN.get((module, name))
        if known is not None:
            return known
        if module in ("torch", "torch.storage") and name in _DTYPES:
            return _DTYPES[name]
        return type(name, (Inert,), {"__module__": "inert"})

    def persistent_load(self, pid: Any) -> Any:
        kind, dtype, key, _device, count = pid
        if kind != "storage" or not isinstance(dtype, torch.dtype):
            return Inert()
        data = bytearray(self._load(str(key)))
        if len(data) != count * dtype.itemsize:
            raise pickle.UnpicklingError(
                f"storage {key} holds {len(data)} bytes, not {count} of {dtype}"
            )
        return Storage(torch.frombuffer(data, dtype=dtype) if data else torch.empty(0, dtype=dtype))


class _LegacyUnpickler(_SafeUnpickler):
    """Makes empty storages as it meets them; their numbers come behind the pickle."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        super().__init__(file)
        self._size = size
        self._storages: dict[str, Tensor] = {}

    def persistent_load(self, pid: Any) -> Any:
        kind, dtype, key, _device, count, view = pid
        if kind != "storage" or not isinstance(dtype, torch.dtype) or view is not None:
            return Inert()
        if not 0 <= count * dtype.itemsize <= self._size:
            raise pickle.UnpicklingError(f"storage {key} of {count} numbers")
        return Storage(self._storages.setdefault(str(key), torch.empty(count, dtype=dtype)))

    def fill(self, key: str, file: BinaryIO) -> None:
        """Reads a storage's length and numbers into it."""
        storage = self._storages[key]
        count = int.from_bytes(file.read(8), "little")
        data = bytearray(file.read(storage.numel() * storage.itemsize))
        if count != storage.numel() or len(data) != count * storage.itemsize:
            raise pickle.UnpicklingError(
                f"storage {key} holds {len(data)} bytes of {count} numbers"
            )
        if data:
            storage.copy_(torch.frombuffer(data, dtype=storage.dtype))


def _stored_bytes(archive: zipfile.ZipFile, name: str) -> bytes:
    if archive.getinfo(name).compress_type != zipfile.ZIP_STORED:
        raise pickle.UnpicklingError(f"{name} is compressed, torch stores it plainly")
    return archive.read(name)


def _tensor(storage: Any, offset: int, size: Any, stride: Any, *_rest: object) -> Any:
    """Stand-in of `torch._utils._rebuild_tensor_v2`; bounds are checked by as_strided. Numbers
    that stand in many places would take their memory as soon as somebody copies them."""
    if not isinstance(storage, Storage):
        return Inert()
    if math.prod(size) > storage.values.numel():
        raise pickle.UnpicklingError(f"{tuple(size)} of {storage.values.numel()} numbers")
    return torch.as_strided(storage.values, tuple(size), tuple(stride), offset)


def _parameter(data: Any, *_rest: object) -> Any:
    """Stand-in of `torch._utils._rebuild_parameter`."""
    return data


class OrderedStandIn(dict[Any, Any]):
    """Stand-in of `collections.OrderedDict`; drops attributes (a state's `_metadata`)."""

    def __setstate__(self, _state: object) -> None:
        pass


_KNOWN: dict[tuple[str, str], Any] = {
    ("torch._utils", "_rebuild_tensor_v2"): _tensor,
    ("torch._utils", "_rebuild_parameter"): _parameter,
    ("collections", "OrderedDict"): OrderedStandIn,
}
