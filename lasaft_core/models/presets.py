"""The systems of the two papers by name; hyper-parameters and sizes as published.

ISMIR 2020: arXiv 1912.02591, Table 2 and section 4. ICASSP 2021: arXiv 2010.11631, Table 1, and
`lasaft-large` of its section 3.4. Three more are ours: `lasaft-subband`, which
ships as the default, `lasaft-small`, and `lasaft-tiny`, to try a training on.
"""

from dataclasses import replace

from lasaft_core.errors import InvalidOption
from lasaft_core.models.config import NetworkConfig
from lasaft_core.models.unet import UNet

_ONE_TARGET = NetworkConfig(block="tfc-tdf", modulation="none", targets=("vocals",))
_SEVENTEEN = replace(_ONE_TARGET, num_blocks=17, num_frames=64, halving_levels=())
_EVEN_LEVELS = (0, 2, 4, 6)
_GPOCM = NetworkConfig()
_FILM = replace(_GPOCM, modulation="film", normalises_modulation=False)
_SMALL = replace(
    _GPOCM,
    num_blocks=5,
    internal_channels=8,
    num_conv_layers=3,
    embedding_dim=16,
    num_control_layers=3,
    bottleneck_factor=32,
    num_latents=4,
    key_dim=16,
    estimation="complex-masking",
    input_exponent=0.5,
)
_SUBBAND = replace(
    _SMALL,
    block="tfc-lightsaft",
    encoder_block="tfc-tdf",
    n_fft=4096,
    hop_samples=2048,
    input_rms=4.0,  # -20 dB of full scale
    num_blocks=7,
    internal_channels=32,
    channel_growth=32,
    num_subbands=4,
    num_conv_layers=3,
    encoder_conv_layers=4,
    bottleneck_factor=16,
    mixture_consistent=True,
)
_TINY = replace(_SMALL, block="tfc-lightsaft", n_fft=1024, hop_samples=512, num_blocks=3)

PRESETS = {
    "tdc-17": replace(_SEVENTEEN, block="tdc"),
    "tfc-17": replace(_SEVENTEEN, block="tfc", halving_levels=_EVEN_LEVELS),
    "tfc-tdf-17": replace(_SEVENTEEN, halving_levels=_EVEN_LEVELS, tdf_bias=True),
    "tdc-rnn-17": replace(_SEVENTEEN, block="tdc-rnn", tdf_bias=True),
    "tfc-tdf-large": replace(
        _ONE_TARGET, n_fft=4096, hop_samples=2048, num_blocks=9, tdf_bias=True
    ),
    "tfc-tdf-7": replace(_ONE_TARGET, tdf_affine=False),
    "cunet-film": replace(_FILM, block="tfc"),
    "cunet-film-tdf": replace(_FILM, block="tfc-tdf"),
    "cunet-film-lasaft": _FILM,
    "cunet-gpocm": replace(_GPOCM, block="tfc"),
    "cunet-gpocm-tdf": replace(_GPOCM, block="tfc-tdf"),
    "cunet-gpocm-lasaft": _GPOCM,
    "cunet-gpocm-lightsaft": replace(_GPOCM, block="tfc-lightsaft"),
    "lasaft-large": replace(_GPOCM, n_fft=4096, num_blocks=9, embedding_dim=64),
    "lasaft-small": _SMALL,
    "lasaft-subband": _SUBBAND,
    "lasaft-tiny": _TINY,
}


def build(name: str) -> UNet:
    """The untrained network of a preset. Raises InvalidOption, which lists the names."""
    if name not in PRESETS:
        raise InvalidOption("preset", expected=" | ".join(PRESETS), got=name)
    return UNet(PRESETS[name])
