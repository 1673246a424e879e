"""Loads a network from a registered name, a file or an fsspec URL, executing nothing.

name -> registry -> file        published Lightning .ckpt (zip)  -> unpickling -> published
path or URL -> fetch -> file    our own .safetensors             -> native
"""

import hashlib
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from lasaft_core import storage
from lasaft_core.checkpoints import native, published, unpickling
from lasaft_core.errors import (
    TrackError,
    UnknownCheckpoint,
    UnsupportedCheckpoint,
)
from lasaft_core.models import NetworkConfig, UNet

_WEIGHTS = Path(__file__).parent.parent / "weights"
REGISTRY = {"default": _WEIGHTS / "default.safetensors"}


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A network's shape and weights, and where they come from."""

    name: str
    sha256: str
    licence: str | None
    config: NetworkConfig
    tensors: dict[str, Tensor]

    def build(self) -> UNet:
        """The network with these weights, in evaluation mode.

        Raises UnsupportedCheckpoint where the tensors do not fit the config exactly.
        """
        try:
            network = UNet(self.config)
            network.load_state_dict(self.tensors)
        except (RuntimeError, ValueError, TypeError, ArithmeticError) as error:
            raise UnsupportedCheckpoint(
                f"checkpoint {self.name}",
                expected="tensors that fit its hyper-parameters",
                got=" ".join(str(error).split())[:300],
            ) from error
        return network.eval()


def load_checkpoint(location: str) -> Checkpoint:
    """`location` is a registered name, a local path or a URL that fsspec reaches.

    Raises UnknownCheckpoint, UnreadableCheckpoint or UnsupportedCheckpoint.
    """
    known = REGISTRY.get(location)
    path = known or Path(location)
    if known is None and "://" in location:
        with tempfile.TemporaryDirectory(prefix="lasaft-checkpoint-") as scratch:
            return _read(_fetched(location, Path(scratch)), Path(location).name)
    if not _is_file(path):
        raise UnknownCheckpoint(
            f"checkpoint {location}",
            expected=f"one of {', '.join(REGISTRY)}, a file or a URL",
            got="no such file",
            remedy="check the name",
        )
    return _read(path, location if known else path.name)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name that no file system takes
        return False


def _fetched(url: str, scratch: Path) -> Path:
    try:
        return storage.fetch(url, scratch / Path(url).name).path
    except TrackError as error:
        raise UnknownCheckpoint(f"checkpoint {url}", got=error.what, remedy=error.remedy) from error


def _read(path: Path, name: str) -> Checkpoint:
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    if path.suffix != ".safetensors":
        read = unpickling.read_zip if zipfile.is_zipfile(path) else unpickling.read_legacy
        config, tensors = published.translate(read(path), name)
        return Checkpoint(name, sha256, None, config, tensors)
    config, tensors, card = native.read(path)
    licence = card.get("licence")
    given_name = str(card.get("name") or name)
    return Checkpoint(given_name, sha256, str(licence) if licence else None, config, tensors)
