"""Muon's steps are orthogonal, as large as AdamW's and torch's own; every weight has one owner."""

import pytest
import torch
from torch import nn

from lasaft_core.errors import InvalidOption
from lasaft_core.models import NetworkConfig, UNet
from lasaft_core.training.optimisers import Muon, optimisers_for, orthogonalised
from lasaft_core.training.recipes import Recipe

NETWORK = NetworkConfig(n_fft=256, hop_samples=128, num_blocks=3, block="tfc-lightsaft")


@pytest.mark.parametrize("shape", [(8, 40), (40, 8), (12, 12)])
def test_all_directions_of_a_step_count_alike(shape):
    torch.manual_seed(0)
    scales = torch.logspace(0, -1, min(shape))  # one direction ten times as strong as another
    u, _, v = torch.linalg.svd(torch.randn(shape), full_matrices=False)
    step = orthogonalised(u @ torch.diag(scales) @ v)
    in_its_basis = u.T @ step @ v.T
    gains = torch.diagonal(in_its_basis)
    assert gains.min() > 0.6
    assert gains.max() < 1.3
    assert (in_its_basis - torch.diag(gains)).abs().max() < 1e-4


def test_no_gradient_no_step():
    weight = nn.Parameter(torch.ones(4, 6))
    muon = Muon([weight], lr=0.1)
    muon.step()
    assert torch.equal(weight, torch.ones(4, 6))
    weight.grad = torch.zeros(4, 6)
    muon.step()
    assert torch.equal(weight, torch.ones(4, 6))


@pytest.mark.parametrize("shape", [(8, 16, 3, 3), (16, 64)])
def test_a_step_is_as_large_as_those_of_adamw(shape):
    torch.manual_seed(1)
    weight = nn.Parameter(torch.zeros(shape))
    weight.grad = torch.randn(shape)
    Muon([weight], lr=0.01).step()
    assert float(weight.detach().square().mean().sqrt()) == pytest.approx(0.2 * 0.01, rel=0.2)


def test_transposed_filters_are_matrices_of_their_outputs():
    torch.manual_seed(2)
    weight = nn.Parameter(torch.zeros(20, 10, 2, 2))  # inputs, outputs, frames, bins
    weight.grad = torch.randn(20, 10, 2, 2)
    Muon([], [weight], lr=0.1).step()
    outputs = torch.linalg.svdvals(weight.detach().transpose(0, 1).flatten(1))
    assert len(outputs) == 10
    assert outputs.min() > 0.5 * outputs.max()
    assert float(weight.detach().square().mean().sqrt()) == pytest.approx(0.2 * 0.1, rel=0.2)


def test_steps_are_those_of_torch():
    if not hasattr(torch.optim, "Muon"):
        pytest.skip("torch has no Muon before 2.9")
    torch.manual_seed(3)
    ours, theirs = (nn.Parameter(torch.ones(12, 30)) for _ in range(2))
    settings = {"lr": 0.01, "weight_decay": 0.1}
    muon = Muon([ours], **settings)
    torchs = torch.optim.Muon([theirs], adjust_lr_fn="match_rms_adamw", **settings)
    for _ in range(3):
        ours.grad = torch.randn(12, 30)
        theirs.grad = ours.grad.clone()
        muon.step()
        torchs.step()
    moved = (theirs.detach() - 1).square().mean().sqrt()
    apart = (theirs.detach() - ours.detach()).square().mean().sqrt()
    assert apart < 0.03 * moved, "torch iterates in bfloat16"


def test_every_weight_has_one_optimiser():
    network = UNet(NETWORK)
    wanted = {id(parameter) for parameter in network.parameters()}
    for name, count in (("adamw", 1), ("muon", 2)):
        optimisers = optimisers_for(network, name, rate=1e-3, weight_decay=0.0)
        assert len(optimisers) == count
        owned = [id(p) for o in optimisers for g in o.param_groups for p in g["params"]]
        assert len(owned) == len(wanted)
        assert set(owned) == wanted
    adamw, muon = optimisers
    assert all(p.ndim > 1 for group in muon.param_groups for p in group["params"])
    left = {id(p) for group in adamw.param_groups for p in group["params"]}
    names = {name.split(".")[0] for name, p in network.named_parameters() if id(p) in left}
    assert {"first_conv", "last_conv", "embedding", "condition_generator"} <= names
    assert id(network.decoders[0].frequency.linear_query.weight) in left
    assert id(network.decoders[0].tfc.H[0][0].weight) not in left


def test_unknown_optimisers_are_refused():
    with pytest.raises(InvalidOption, match=r"optimiser.*adamw \| muon"):
        Recipe(optimiser="luck")
