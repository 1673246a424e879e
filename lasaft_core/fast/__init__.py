"""Networks made fast for inference: what depends on target or weights alone is done once."""

from lasaft_core.fast.compilation import CompiledLater
from lasaft_core.fast.network import SpecialisedUNet

__all__ = ["CompiledLater", "SpecialisedUNet"]
