"""Networks of the presets with random weights, the same ones each time: speed does not know."""

import torch

from lasaft_core.checkpoints import Checkpoint
from lasaft_core.models import PRESETS, UNet


def random_network(preset):
    torch.manual_seed(0)
    return UNet(PRESETS[preset]).eval()


def random_checkpoint(preset):
    tensors = random_network(preset).state_dict()
    config = PRESETS[preset]
    return Checkpoint(name=preset, sha256="", licence=None, config=config, tensors=tensors)
