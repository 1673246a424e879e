"""Credentials from Prefect: a `Secret` block that holds a JSON object of AWS variables.

A run is given the block's name, never its value. The variables are in the environment while the
run lasts, from where they go on to its workers as if they had been there from the start.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from prefect.blocks.system import Secret

from flows.environment import environment
from lasaft_core.errors import InvalidOption
from ray_actors.credentials import SECRETS, SETTINGS

NAMES: Final = (*SECRETS, *SETTINGS)


@contextmanager
def credentials_of(block: str) -> Iterator[None]:
    """Nothing changes for an empty name. A block with a key replaces all that the environment says
    of keys: its session token belongs to another. Raises InvalidOption, which repeats no value."""
    if not block:
        yield
        return
    values = _values(block)
    others = dict.fromkeys(SECRETS) if not values.keys().isdisjoint(SECRETS) else {}
    with environment({**others, **values}):
        yield


def _values(block: str) -> Mapping[str, str]:
    try:
        secret: Any = Secret.load(block)
    except ValueError:
        raise _refusal(block, "no such block") from None
    held = secret.get()  # JSON has been read by then
    if not isinstance(held, dict) or not held:
        raise _refusal(block, "no JSON object")
    for name, value in held.items():
        if name not in NAMES or not isinstance(value, str):
            raise _refusal(block, name if name not in NAMES else f"{name} that is no text")
    return held


def _refusal(block: str, got: str) -> InvalidOption:
    return InvalidOption(
        f"credentials block {block}",
        expected=f"a Secret block that holds a JSON object of {', '.join(NAMES)}",
        got=got,
        remedy="make one in Prefect's UI, or leave the field empty for the environment's",
    )
