"""Separate songs into stems with LaSAFT networks.

`Separator` is imported on first use, so that `lasaft_core.catalog` brings no torch.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lasaft_core.separator import Separator

__all__ = ["Separator"]


def __getattr__(name: str) -> object:
    if name == "Separator":
        from lasaft_core.separator import Separator  # noqa: PLC0415

        return Separator
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
