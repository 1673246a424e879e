"""The papers' networks: a config dataclass and a network each, and the registry of families."""

from lasaft_core.models.cunet import FAMILY, CUNetConfig, GPoCMLaSAFTNet

__all__ = ["FAMILY", "CUNetConfig", "GPoCMLaSAFTNet"]
