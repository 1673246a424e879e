"""The weights that a training begins with."""

from dataclasses import replace
from functools import partial

from torch import Tensor, nn

from lasaft_core.errors import InvalidOption
from lasaft_core.models import NetworkConfig, UNet
from lasaft_core.modules.tfc import TFC

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


def can_grow_into(smaller: NetworkConfig, config: NetworkConfig) -> bool:
    """Whether a trained network's weights can begin one of `config`: the same network, or one
    whose blocks are deeper. Sharing the mixture out has no weights, and may differ."""
    both = [
        replace(c, mixture_consistent=False, encoder_conv_layers=None, num_conv_layers=1)
        for c in (smaller, config)
    ]
    is_as_deep = (
        smaller.encoder_depth <= config.encoder_depth
        and smaller.num_conv_layers <= config.num_conv_layers
    )
    return both[0] == both[1] and is_as_deep


def grown(smaller: UNet, network: UNet) -> dict[str, Tensor]:
    """Weights with which `network` computes what `smaller` does.

    Convolutions that only the deeper blocks have stay as they were drawn; the last one of their
    block reads them with weights of 0 (function-preserving: Chen et al., Net2Net,
    arXiv 1511.05641). Raises InvalidOption where the one can't grow into the other.
    """
    if not can_grow_into(smaller.config, network.config):
        raise InvalidOption(
            "weights to begin with",
            expected="those of the same network, or of one with shallower blocks",
            got="those of another",
        )
    weights = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    deeper = dict(zip(_last_layers(smaller), _last_layers(network), strict=True))
    for name, tensor in smaller.state_dict().items():
        layer, *place = name.rsplit(".", 2)  # "decoders.0.tfc.H.1", "0", "weight"
        weight = weights[".".join((deeper.get(layer, layer), *place))]
        if weight.shape != tensor.shape:
            weight.zero_()
            weight = weight[:, -tensor.shape[1] :]  # newest first: those of the known layers
        weight.copy_(tensor)
    return weights


def _last_layers(network: UNet) -> list[str]:
    """Names of the last convolutions of all blocks that have any, in the order of the modules."""
    return [
        f"{name}.H.{len(module.H) - 1}"
        for name, module in network.named_modules()
        if isinstance(module, TFC)
    ]


def set_dropout(network: UNet, share: float | None) -> None:
    """None leaves it as published, at one half."""
    for module in network.modules():
        if isinstance(module, nn.Dropout) and share is not None:
            module.p = share
