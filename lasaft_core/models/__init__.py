"""The papers' networks: one description, one network, the presets of both papers."""

from lasaft_core.models.config import NetworkConfig
from lasaft_core.models.presets import PRESETS, build
from lasaft_core.models.unet import UNet

__all__ = ["PRESETS", "NetworkConfig", "UNet", "build"]
