"""The papers' recipes by preset, and refusals that name the option."""

import pytest
import torch
from torch import nn

from lasaft_core.errors import InvalidOption
from lasaft_core.models import PRESETS, NetworkConfig
from lasaft_core.spectral import ComplexAsChannels
from lasaft_core.training.initialisation import new_network, set_dropout
from lasaft_core.training.losses import LOSSES
from lasaft_core.training.recipes import MODERN, Mixing, Recipe, recipe_of


@pytest.mark.parametrize("preset", PRESETS)
def test_published_recipes(preset):
    recipe = recipe_of("published", preset)
    assert (recipe.loss, recipe.rate, recipe.criterion) == ("spectrogram-mse", "constant", "l1")
    assert recipe.mixing == Mixing()
    assert recipe.ema_decay is recipe.clip_norm is recipe.dropout is None
    assert recipe.weight_decay == 0, "AdamW without decay is Adam"
    assert recipe.learning_rate == (1e-4 if preset == "lasaft-large" else 1e-3)
    assert (recipe.patience == 10) == PRESETS[preset].is_conditioned
    assert (recipe.min_epochs >= 1000) != PRESETS[preset].is_conditioned


def test_the_modern_recipe_is_the_same_for_all():
    assert recipe_of("modern", "tdc-17") is recipe_of("modern", "lasaft-large") is MODERN
    with pytest.raises(InvalidOption, match=r"published \| modern"):
        recipe_of("newest", "tdc-17")


@pytest.mark.parametrize(
    "change",
    [
        {"loss": "l7"},
        {"batch_size": 0},
        {"batch_size": 1},
        {"learning_rate": 0.0},
        {"rate": "cosine"},
        {"criterion": "taste"},
        {"max_steps": -1},
        {"warmup_steps": -1},
        {"ema_decay": 1.0},
    ],
)
def test_impossible_recipes_are_refused_by_name(change):
    with pytest.raises(InvalidOption, match=next(iter(change)).replace("rate", "(rate|max_steps)")):
        Recipe(**change)


def test_losses_are_smallest_on_the_wanted_source_and_grow_with_the_error():
    spectral = ComplexAsChannels(64, 32)
    wanted = torch.randn(2, 2, 32 * 7)
    exact = spectral(wanted)
    for loss in LOSSES.values():
        none, small, large = (loss(exact * (1 + e), wanted, spectral) for e in (0.0, 0.1, 0.2))
        assert none + 1e-3 < small < large
    for name in ("spectrogram-mse", "waveform-and-spectrogram-l1"):
        assert LOSSES[name](exact, wanted, spectral) < 1e-6
    assert LOSSES["waveform-log-mse"](exact, wanted, spectral) == pytest.approx(-50, abs=0.01)
    mse = LOSSES["spectrogram-mse"](exact + 0.1, wanted, spectral)
    assert mse == pytest.approx(0.01, rel=1e-4)


def test_published_weights_are_drawn_after_kaiming():
    config = NetworkConfig(n_fft=256, hop_samples=128, num_blocks=3)
    torch.manual_seed(0)
    network = new_network(config, "kaiming")
    convolution = network.first_conv[0]
    fan_in = nn.init._calculate_correct_fan(convolution.weight, "fan_in")
    assert float(convolution.weight.detach().std()) == pytest.approx((2 / fan_in) ** 0.5, rel=0.15)
    keys = network.mid_block.frequency.keys
    assert float(keys.detach().std()) == pytest.approx((2 / keys.shape[1]) ** 0.5, rel=0.15)
    assert torch.equal(network.first_conv[1].weight, torch.ones(24)), "batch norms as they are"


def test_dropout_is_the_networks_own_or_the_recipes():
    network = new_network(NetworkConfig(n_fft=256, hop_samples=128, num_blocks=3), "torch")
    shares = lambda: {m.p for m in network.modules() if isinstance(m, nn.Dropout)}  # noqa: E731
    set_dropout(network, None)
    assert shares() == {0.5}
    set_dropout(network, 0.0)
    assert shares() == {0.0}
