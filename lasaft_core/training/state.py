"""A training's state on disk, and whether it is the state of the training that is asked for."""

from pathlib import Path
from typing import Any

import torch

from lasaft_core.errors import InvalidOption


def write_state(path: Path, identity: dict[str, Any], state: dict[str, Any]) -> None:
    """Whole or not at all."""
    part = path.with_suffix(".part")
    torch.save({"identity": identity, **state}, part)
    part.replace(path)


def read_state(path: Path, identity: dict[str, Any], device: str) -> dict[str, Any]:
    """Raises InvalidOption where the file belongs to a training of another `identity`."""
    state: dict[str, Any] = torch.load(path, weights_only=True, map_location=device)
    known = state["identity"]  # an earlier version's may say less
    differences = _differences(known, {name: identity.get(name) for name in known})
    if differences:
        raise InvalidOption(
            f"training in {path.parent}",
            expected="the options of its earlier run",
            got=", ".join(differences),
            remedy="give those options, or another --out",
        )
    return state


def _differences(before: dict[str, Any], now: dict[str, Any], prefix: str = "") -> list[str]:
    """'recipe.batch_size 8, now 4', ... of two nested dictionaries."""
    found: list[str] = []
    for key in sorted({*before, *now}):
        values = before.get(key), now.get(key)
        if isinstance(values[0], dict) and isinstance(values[1], dict):
            found += _differences(values[0], values[1], f"{prefix}{key}.")
        elif values[0] != values[1]:
            found.append(f"{prefix}{key} {values[0]}, now {values[1]}")
    return found
