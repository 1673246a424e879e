"""The weights that a training begins with."""

from functools import partial

from torch import nn

from lasaft_core.models import NetworkConfig, UNet

_DRAWS = {
    "relu": partial(nn.init.kaiming_normal_, nonlinearity="relu"),
    "leaky_relu": partial(nn.init.kaiming_normal_, nonlinearity="leaky_relu"),
}


def initialise(network: UNet) -> None:
    """As both papers' repositories: every parameter of two and more axes is drawn anew.

    From a normal distribution after Kaiming where the blocks' activation is a (leaky) ReLU, after
    Xavier elsewhere; embeddings, keys and recurrent weights included. Biases and batch norms stay
    as torch makes them.
    """
    draw = _DRAWS.get(network.config.activation, nn.init.xavier_normal_)
    for parameter in network.parameters():
        if parameter.dim() > 1:
            draw(parameter)


def new_network(config: NetworkConfig, initialisation: str) -> UNet:
    """Drawn from torch's generator; `initialisation` is "kaiming" (as above) or "torch"."""
    network = UNet(config)
    if initialisation == "kaiming":
        initialise(network)
    return network


def set_dropout(network: UNet, share: float | None) -> None:
    """None leaves it as published, at one half."""
    for module in network.modules():
        if isinstance(module, nn.Dropout) and share is not None:
            module.p = share
