"""A deeper network begins with what a shallower one has learnt."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from lasaft_core.errors import InvalidOption
from lasaft_core.models import UNet
from lasaft_core.training.initialisation import can_grow_into, grown
from tests.bench.averaged_weights import averaged


@pytest.fixture
def blind(tiny):
    """An encoder that is blind to the target, of two convolutions a block."""
    return replace(tiny, encoder_block="tfc-tdf", num_conv_layers=2)


def trained(config):
    """Batch norms are anything but the identity."""
    network = UNet(config)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.3)
            module.running_var.uniform_(0.5, 2)
            nn.init.uniform_(module.weight, 0.5, 1.5)
    return network.eval()


def answer(network):
    config = network.config
    generator = torch.Generator().manual_seed(0)
    frames = torch.randn(2, 4, config.num_frames, config.n_fft // 2 + 1, generator=generator)
    return network(frames, torch.arange(4).repeat(2))


@pytest.mark.parametrize(("known", "layers"), [(None, 3), (None, 5), (3, 4), (None, None)])
def test_a_deeper_encoder_answers_as_before_and_learns_at_once(blind, known, layers):
    torch.manual_seed(0)
    shallow = trained(replace(blind, encoder_conv_layers=known))
    deep = UNet(replace(blind, encoder_conv_layers=layers)).eval()
    assert_it_begins_where_the_other_ended(shallow, deep, deep.encoders)
    for encoder in deep.encoders:
        assert encoder.tfc.H[-1][0].weight.grad.flatten(2).abs().sum(dim=(0, 2)).all()


@pytest.mark.parametrize(
    ("known_in_encoder", "layers", "in_encoder"), [(2, 3, 2), (2, 4, 3), (None, 3, None)]
)
def test_deeper_blocks_answer_as_before_and_learn_at_once(
    blind, known_in_encoder, layers, in_encoder
):
    torch.manual_seed(0)
    shallow = trained(replace(blind, encoder_conv_layers=known_in_encoder))
    deep = UNet(replace(blind, num_conv_layers=layers, encoder_conv_layers=in_encoder)).eval()
    blocks = (*deep.encoders, deep.mid_block, *deep.decoders)
    assert_it_begins_where_the_other_ended(shallow, deep, blocks)


def assert_it_begins_where_the_other_ended(shallow, deep, blocks):
    weights = grown(shallow, deep)
    assert not torch.allclose(answer(deep), answer(shallow))
    deep.load_state_dict(weights)
    torch.testing.assert_close(answer(deep), answer(shallow))
    answer(deep).square().mean().backward()
    for block in blocks:
        last = block.tfc.H[-1][0].weight.grad
        assert all(part.any() for part in last.split(len(last), dim=1)), "a layer is not learnt"


def test_no_other_network_grows_into_it(blind):
    deep = replace(blind, encoder_conv_layers=4)
    assert can_grow_into(blind, deep)
    assert can_grow_into(replace(blind, mixture_consistent=True), deep)
    assert not can_grow_into(deep, blind)
    assert not can_grow_into(deep, replace(deep, encoder_conv_layers=3))
    assert not can_grow_into(replace(blind, internal_channels=8), deep)
    assert not can_grow_into(replace(blind, num_conv_layers=3), blind)
    assert not can_grow_into(replace(blind, num_conv_layers=3), replace(deep, kernel_size=(3, 5)))
    assert can_grow_into(replace(deep, num_conv_layers=1), deep)
    one_target = replace(blind, block="tfc-tdf", modulation="none", targets=("vocals",))
    assert not can_grow_into(one_target, replace(deep, mixture_consistent=True))
    with pytest.raises(InvalidOption, match="shallower blocks"):
        grown(UNet(deep), UNet(blind))


def test_weights_before_and_after_a_training_are_averaged_by_their_share(tiny):
    torch.manual_seed(0)
    before, after = (trained(tiny).state_dict() for _ in range(2))
    after["bn.num_batches_tracked"] = torch.tensor(7)
    before["bn.num_batches_tracked"] = torch.tensor(3)
    mean = averaged(before, after, 0.25)
    assert mean.keys() == after.keys()
    assert mean["bn.num_batches_tracked"] == 7
    for name, tensor in mean.items():
        if tensor.is_floating_point():
            torch.testing.assert_close(tensor, 0.75 * before[name] + 0.25 * after[name])
