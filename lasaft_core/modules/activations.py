"""Activation functions by the names that configs and published checkpoints give them.

Softmax is taken over channels, or over all outputs of a linear: what torch chose for the
published code, which names no axis.
"""

from collections.abc import Callable
from functools import partial

from torch import nn

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "identity": nn.Identity,
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
    "softmax": partial(nn.Softmax, dim=1),
    "softplus": nn.Softplus,
    "elu": nn.ELU,
}
