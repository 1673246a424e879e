"""Networks made fast for inference: what depends on target or weights alone is done once."""

from lasaft_core.fast.allocator import keep_freed_memory
from lasaft_core.fast.network import SpecialisedUNet

__all__ = ["SpecialisedUNet", "keep_freed_memory"]
