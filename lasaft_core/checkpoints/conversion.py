"""A checkpoint of any layout as one of this project's own files."""

from pathlib import Path

import torch
from safetensors import SafetensorError
from torch import Tensor

from lasaft_core.checkpoints import Checkpoint, native
from lasaft_core.errors import InvalidOption


def convert(checkpoint: Checkpoint, out: Path, *, overwrite: bool, half: bool = False) -> None:
    """Writes the same numbers with their description, whole or not at all; `half`: rounded to
    float16, in half the bytes.

    Raises InvalidOption for a name or a place that can't be written, UnsupportedCheckpoint where
    the tensors do not fit their config.
    """
    if out.suffix != ".safetensors":
        raise InvalidOption("OUT", expected="a name ending in .safetensors", got=out)
    if out.exists() and not overwrite:
        raise InvalidOption(
            "OUT", expected="a new file", got=f"{out}, which exists", remedy="--force"
        )
    checkpoint.build()
    provenance = {
        "converted_from": checkpoint.name,
        "converted_from_sha256": checkpoint.sha256,
        "layout": checkpoint.origin.layout,
        **checkpoint.origin.facts,
    }
    card = {
        "name": checkpoint.name,
        "licence": checkpoint.licence,
        "provenance": provenance,
    }
    part = out.with_name(f".{out.name}.part")
    tensors = checkpoint.tensors
    if half:
        tensors = {name: _halved(name, tensor) for name, tensor in tensors.items()}
    try:
        native.write(part, checkpoint.config, tensors, card)
        part.replace(out)
    except (OSError, SafetensorError) as error:
        raise InvalidOption("OUT", expected="a file that can be written", got=str(error)) from error
    finally:
        part.unlink(missing_ok=True)


def _halved(name: str, tensor: Tensor) -> Tensor:
    """Integers stay. Raises InvalidOption for numbers beyond float16's range."""
    if not tensor.is_floating_point():
        return tensor
    halved = tensor.to(torch.float16)
    if not halved.isfinite().all():
        raise InvalidOption("--half", expected="numbers up to 65504", got=f"{name} beyond it")
    return halved
