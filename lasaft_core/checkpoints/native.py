"""Our own checkpoints: one safetensors file, its description as JSON in the header.

metadata["lasaft_stems"] = {"family", "config", "name", "licence", "provenance"}
"""

import json
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from lasaft_core.errors import InvalidOption, UnreadableCheckpoint, UnsupportedCheckpoint
from lasaft_core.models import NetworkConfig

_KEY = "lasaft_stems"
FAMILY = "unet"


def write(
    path: Path, config: NetworkConfig, tensors: Mapping[str, Tensor], card: Mapping[str, object]
) -> None:
    """Writes tensors with their description; `card` holds name, licence and provenance."""
    description = {"family": FAMILY, "config": config.to_dict(), **card}
    metadata = {_KEY: json.dumps(description, sort_keys=True)}
    save_file({k: v.contiguous() for k, v in tensors.items()}, path, metadata)


def read(path: Path) -> tuple[NetworkConfig, dict[str, Tensor], dict[str, object]]:
    """Config, float32 tensors and card. Raises UnreadableCheckpoint, UnsupportedCheckpoint."""
    try:
        with safe_open(path, framework="pt") as file:
            text = (file.metadata() or {}).get(_KEY, "{}")
            names = file.keys()
            tensors = {name: _widened(file.get_tensor(name)) for name in names}
            card = json.loads(text)
    except (SafetensorError, ValueError) as error:
        raise UnreadableCheckpoint(
            f"checkpoint {path.name}", expected="a safetensors file", got=str(error)
        ) from error
    if not isinstance(card, dict) or card.get("family") != FAMILY:
        raise UnsupportedCheckpoint(
            f"checkpoint {path.name}",
            expected=f"family {FAMILY} in its header",
            got=card.get("family") if isinstance(card, dict) else card,
            remedy="give a checkpoint that this project wrote",
        )
    return config_from(card.get("config"), path.name), tensors, card


def config_from(values: object, name: str) -> NetworkConfig:
    """Raises UnsupportedCheckpoint for hyper-parameters that no network of ours has."""
    try:
        return NetworkConfig.from_dict(values)  # type: ignore[arg-type]
    except (InvalidOption, TypeError, AttributeError) as error:
        raise UnsupportedCheckpoint(
            f"checkpoint {name}",
            expected="hyper-parameters that this version knows",
            got=str(error),
            remedy="use the version that wrote it",
        ) from error


def _widened(tensor: Tensor) -> Tensor:
    return tensor.to(torch.float32) if tensor.is_floating_point() else tensor
