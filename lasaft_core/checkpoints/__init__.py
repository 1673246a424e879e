"""Loads a network from a registered name, a file or an fsspec URL, executing nothing.

name -> registry -> file        published files (of Lightning, of notebooks) -> unpickling
path or URL -> fetch -> file                                                 -> published
                                our own .safetensors                         -> native
"""

import hashlib
import tempfile
import zipfile
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import torch
from torch import Tensor

from lasaft_core import storage
from lasaft_core.checkpoints import native, published, registry, unpickling
from lasaft_core.checkpoints.assumptions import Assumptions, check_agreement
from lasaft_core.checkpoints.published import Origin
from lasaft_core.errors import TrackError, UnknownCheckpoint, UnsupportedCheckpoint
from lasaft_core.models import NetworkConfig, UNet

__all__ = ["REGISTRY", "Assumptions", "Checkpoint", "load_checkpoint"]

REGISTRY = ("default", *registry.PUBLISHED)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A network's shape and weights, and where they come from."""

    name: str
    sha256: str
    licence: str | None
    config: NetworkConfig
    tensors: dict[str, Tensor]
    origin: Origin = field(default_factory=lambda: Origin("in memory"))

    def build(self) -> UNet:
        """The network with these weights, in evaluation mode.

        Raises UnsupportedCheckpoint where the tensors do not fit the config exactly.
        """
        try:
            with torch.device("meta"):  # before a config that nothing fits takes its memory
                UNet(self.config).load_state_dict(self.tensors, assign=True)
            network = UNet(self.config)
            network.load_state_dict(self.tensors)
        except (RuntimeError, ValueError, TypeError, ArithmeticError) as error:
            raise UnsupportedCheckpoint(
                f"checkpoint {self.name}",
                expected="tensors that fit its hyper-parameters",
                got=" ".join(str(error).split())[:300],
            ) from error
        return network.eval()


def load_checkpoint(location: str, assumptions: Assumptions | None = None) -> Checkpoint:
    """`location` is a registered name, a local path or a URL that fsspec reaches.

    `assumptions` say what the file leaves open. Raises UnknownCheckpoint, UnreadableCheckpoint or
    UnsupportedCheckpoint.
    """
    if location == "default":
        return _read(registry.DEFAULT, location, assumptions)
    if location in registry.PUBLISHED:
        checkpoint = _read(registry.published_path(location), location, assumptions)
        registry.check_published(location, checkpoint.sha256)
        return replace(checkpoint, licence=registry.RESEARCH_ONLY)
    if "://" in location:
        with tempfile.TemporaryDirectory(prefix="lasaft-checkpoint-") as scratch:
            path = _fetched(location, Path(scratch))
            return _read(path, Path(location).name, assumptions)
    path = Path(location)
    if not _is_file(path):
        raise UnknownCheckpoint(
            f"checkpoint {location}",
            expected=f"one of {', '.join(REGISTRY)}, a file or a URL",
            got="no such file",
            remedy="check the name",
        )
    return _read(path, path.name, assumptions)


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


def _read(path: Path, name: str, assumptions: Assumptions | None) -> Checkpoint:
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    if path.suffix == ".safetensors":
        return _read_native(path, name, sha256, assumptions)
    read = unpickling.read_zip if zipfile.is_zipfile(path) else unpickling.read_legacy
    found = published.translate(read(path), name, assumptions)
    licence = registry.licence_of(sha256)
    return Checkpoint(name, sha256, licence, found.config, found.tensors, found.origin)


def _read_native(path: Path, name: str, sha256: str, assumptions: Assumptions | None) -> Checkpoint:
    config, tensors, card = native.read(path)
    given = (assumptions or Assumptions()).given()
    check_agreement(asdict(config), given, name)
    licence, provenance = card.get("licence"), card.get("provenance")
    facts = provenance if isinstance(provenance, dict) else {}
    return Checkpoint(
        name=str(card.get("name") or name),
        sha256=sha256,
        licence=str(licence) if licence else None,
        config=config,
        tensors=tensors,
        origin=Origin("safetensors of this project", facts),
    )
