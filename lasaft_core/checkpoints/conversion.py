"""A checkpoint of any layout as one of this project's own files."""

from pathlib import Path

from safetensors import SafetensorError

from lasaft_core.checkpoints import Checkpoint, native
from lasaft_core.errors import InvalidOption


def convert(checkpoint: Checkpoint, out: Path, *, overwrite: bool) -> None:
    """Writes the same numbers with their description, whole or not at all.

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
    try:
        native.write(part, checkpoint.config, checkpoint.tensors, card)
        part.replace(out)
    except (OSError, SafetensorError) as error:
        raise InvalidOption("OUT", expected="a file that can be written", got=str(error)) from error
    finally:
        part.unlink(missing_ok=True)
