"""Architectures from tensors alone, for every published family."""

from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch

from lasaft_core.checkpoints import Assumptions, load_checkpoint, unpickling
from lasaft_core.checkpoints.inspection import _effective, preset_of
from lasaft_core.checkpoints.published import translate
from lasaft_core.errors import UnsupportedCheckpoint
from lasaft_core.models import PRESETS, UNet

GOLDEN = Path(__file__).parents[2] / "golden"
NETWORKS = sorted(path.stem for path in GOLDEN.glob("*.ckpt"))
# What only hyper-parameters tell; of these networks, their hop is half of n_fft, their frames 64.
UNTOLD = Assumptions(hop_samples=256, num_frames=64)


PURE_CONVOLUTIONS = ("tdc_net", "tfc_net", "tfc_film", "tfc_gpocm")


def told(config):
    """Fields that tensors decide; a floor of units that no level reaches is not among them."""
    floors = ("min_units", "min_rnn_units")
    return {name: value for name, value in _effective(config).items() if name not in floors}


def content_of(name):
    return unpickling.read_zip(GOLDEN / f"{name}.ckpt")


def pruned(name, keep):
    """A golden file's content with only some of its hyper-parameters."""
    content = content_of(name)
    given = content["hyper_parameters"]
    content["hyper_parameters"] = {k: v for k, v in given.items() if k in keep}
    return content


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize(
    "keep", [(), ("hop_length", "num_frame", "spec_type")], ids=["none", "some"]
)
def test_hyper_parameters_that_are_gone_are_read_off_the_tensors(name, keep):
    whole = translate(content_of(name), name)
    found = translate(pruned(name, keep), name, None if keep else UNTOLD)
    assert told(found.config) == told(whole.config)
    assert {"num_frames", "hop_samples"} & set(found.origin.assumed) == (
        set() if keep else {"num_frames", "hop_samples"}
    )
    UNet(found.config).load_state_dict(found.tensors)


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("prefix", ["", "module.", "module.model.spec2spec."])
def test_bare_state_dictionaries_of_all_families_load(tmp_path, name, prefix):
    whole = translate(content_of(name), name)
    state = content_of(name)["state_dict"]
    bare = {
        prefix + key.removeprefix("spec2spec."): tensor
        for key, tensor in state.items()
        if key.startswith("spec2spec.")
    }
    torch.save(bare, tmp_path / "bare.pt", _use_new_zipfile_serialization=False)
    assumptions = Assumptions(n_fft=512 if name in PURE_CONVOLUTIONS else None, hop_samples=256,
                              num_frames=64)  # fmt: skip
    found = load_checkpoint(str(tmp_path / "bare.pt"), assumptions)
    assert told(found.config) == told(whole.config)
    assert found.origin.layout == "bare state dictionary"
    found.build()


@pytest.mark.parametrize("name", [n for n in PRESETS if not n.startswith("lasaft-")])
def test_the_papers_networks_are_known_by_their_tensors(name):
    with torch.device("meta"):
        state = UNet(PRESETS[name]).state_dict()
    as_published = {k.replace(".frequency.keys", ".keys"): v for k, v in state.items()}
    if PRESETS[name].block.startswith("tdc"):
        as_published = {
            k: v.squeeze(2) if ".H." in k and v.ndim == 4 else v for k, v in as_published.items()
        }
    preset = PRESETS[name]
    assumptions = Assumptions(
        n_fft=preset.n_fft if preset.block in ("tfc", "tdc") else None,
        hop_samples=preset.hop_samples,
        num_frames=preset.num_frames,
    )
    found = translate(as_published, name, assumptions)
    assert preset_of(found.config) == name


def test_assumptions_fill_gaps_and_may_not_contradict_the_file():
    found = translate(pruned("tfc_net", ()), "x", Assumptions(targets=("bass",), activation="elu"))
    assert found.config.targets == ("bass",)
    assert found.origin.assumed["targets"] == ("bass",)
    assert found.config.activation == "elu"
    assert found.config.n_fft == 512, "from the STFT's window"
    with pytest.raises(UnsupportedCheckpoint, match="hop_samples 100, as was asked for, got 256"):
        translate(content_of("tfc_net"), "x", Assumptions(hop_samples=100))
    with pytest.raises(UnsupportedCheckpoint, match="n_fft 1024"):
        translate(content_of("tfc_tdf_net"), "x", Assumptions(n_fft=1024))


def test_a_one_target_file_without_a_name_is_for_vocals():
    content = content_of("tfc_net")
    del content["hyper_parameters"]["target_name"]
    found = translate(content, "x")
    assert found.config.targets == ("vocals",)
    assert set(found.origin.assumed) == {"targets", "is_centered", "channel_order"}


def test_pocm_is_told_from_gpocm_by_who_asks():
    gated = translate(content_of("tfc_gpocm"), "x")
    assert gated.origin.assumed["modulation"] == gated.config.modulation == "gpocm"
    plain = translate(content_of("tfc_gpocm"), "x", Assumptions(modulation="pocm"))
    assert plain.config.modulation == "pocm"
    UNet(plain.config).load_state_dict(plain.tensors)
    with pytest.raises(UnsupportedCheckpoint, match="modulation pocm"):
        translate(content_of("tfc_film"), "x", Assumptions(modulation="pocm"))


def test_film_has_no_gammas_to_transpose():
    naive = content_of("tfc_film")
    naive["hyper_parameters"]["pocm_type"] = "naive"
    assert translate(naive, "x").config == translate(content_of("tfc_film"), "x").config


def test_gammas_of_the_naive_pocm_are_transposed():
    content, naive = content_of("tfc_gpocm"), content_of("tfc_gpocm")
    naive["hyper_parameters"]["pocm_type"] = "naive"
    first, second = translate(content, "x"), translate(naive, "x")
    spectrogram, target = torch.randn(1, 4, 64, 257), torch.tensor([1])
    networks = [UNet(found.config).eval() for found in (first, second)]
    for network, found in zip(networks, (first, second), strict=True):
        network.load_state_dict(found.tensors)
    gammas = [n.condition_generator(n.embed(target))[0][0] for n in networks]
    assert torch.equal(gammas[0], gammas[1].mT)
    assert not torch.allclose(networks[0](spectrogram, target), networks[1](spectrogram, target))


@pytest.mark.parametrize("key", ["tdf_activation", "tdc_rnn_activation", "tfc_activation"])
def test_each_blocks_own_activation_is_read(key):
    name = {"tdf_activation": "tdf_net", "tdc_rnn_activation": "tdc_rnn_net"}.get(key, "tfc_net")
    content = content_of(name)
    content["hyper_parameters"][key] = "leaky_relu"
    assert translate(content, name).config.activation == "leaky_relu"


def test_the_effective_fields_leave_out_what_a_network_has_no_use_for():
    fields = _effective(PRESETS["tdc-17"])
    assert {"block", "n_fft", "num_conv_layers", "targets"} <= set(fields)
    assert not {"key_dim", "embedding_dim", "min_rnn_units", "tdf_bias"} & set(fields)
    assert set(asdict(PRESETS["tdc-17"])) > set(fields)


@pytest.mark.parametrize("name", ["cunet-gpocm-lasaft", "tfc-tdf-7", "lasaft-subband"])
def test_a_preset_is_known_however_its_encoder_is_written(name):
    preset = PRESETS[name]
    written = replace(
        preset,
        encoder_block=preset.encoder_block or preset.block,
        encoder_conv_layers=preset.encoder_depth,
    )
    assert preset_of(written) == name
    assert preset_of(replace(preset, encoder_conv_layers=preset.encoder_depth + 1)) is None
