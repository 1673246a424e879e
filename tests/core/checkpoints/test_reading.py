"""Reading checkpoints executes nothing and refuses what does not fit."""

import json
import pickle
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from lasaft_core.checkpoints import load_checkpoint, native, published, unpickling
from lasaft_core.checkpoints.hyper_parameters import literal
from lasaft_core.errors import UnknownCheckpoint, UnreadableCheckpoint, UnsupportedCheckpoint
from lasaft_core.models import PRESETS, UNet

GOLDEN = Path(__file__).parents[2] / "golden"
PUBLISHED = GOLDEN / "tfc_gpocm_lasaft.ckpt"


class Exploit:
    """Pickles into a call of `os.system`."""

    def __init__(self, command):
        self.command = command

    def __reduce__(self):
        import os

        return os.system, (self.command,)


def test_published_checkpoint_loads_with_nothing_imported():
    before = set(sys.modules)
    content = unpickling.read_zip(PUBLISHED)
    assert not {m for m in set(sys.modules) - before if "lightning" in m}
    (key,) = content["callbacks"]
    assert issubclass(key, unpickling.Inert)
    found = published.translate(content, PUBLISHED.name)
    assert (found.config.n_fft, found.config.num_latents, found.config.key_dim) == (512, 3, 8)
    UNet(found.config).load_state_dict(found.tensors)


def test_named_calls_are_never_made(tmp_path):
    path, witness = tmp_path / "evil.ckpt", tmp_path / "witness"
    torch.save({"state_dict": {"a": torch.ones(2)}, "x": Exploit(f"touch {witness}")}, path)
    content = unpickling.read_zip(path)
    assert isinstance(content["x"], unpickling.Inert)
    assert torch.equal(content["state_dict"]["a"], torch.ones(2))
    assert not witness.exists()


def test_tensors_keep_type_shape_stride_and_sharing(tmp_path):
    base = torch.arange(24, dtype=torch.float64).reshape(4, 6)
    saved = {
        "t": base.t(),
        "part": base[1:3, ::2],
        "half": base.half(),
        "flag": base > 3,
        "empty": torch.empty(0, 3),
        "parameter": torch.nn.Parameter(base.float()),
    }
    torch.save(saved, tmp_path / "t.pt")
    read = unpickling.read_zip(tmp_path / "t.pt")
    for name, tensor in saved.items():
        assert torch.equal(read[name], tensor.detach()), name
        assert read[name].dtype == tensor.dtype


def test_a_tensor_cannot_reach_outside_its_storage(tmp_path):
    path = tmp_path / "t.pt"
    torch.save({"a": torch.ones(4)}, path)
    with zipfile.ZipFile(path) as archive:
        entries = {n: archive.read(n) for n in archive.namelist()}
    name = next(n for n in entries if n.endswith("data.pkl"))
    entries[name] = entries[name].replace(b"K\x04\x85", b"K\x40\x85")  # size (4,) -> (64,)
    forged = tmp_path / "forged.pt"
    with zipfile.ZipFile(forged, "w") as archive:
        for entry, data in entries.items():
            archive.writestr(entry, data)
    with pytest.raises(UnreadableCheckpoint, match=r"forged\.pt"):
        unpickling.read_zip(forged)


@pytest.mark.parametrize("is_zip", [True, False])
def test_few_numbers_do_not_become_a_huge_tensor(tmp_path, is_zip):
    state = {"state_dict": {"a": torch.zeros(1).expand(2**35)}}
    torch.save(state, tmp_path / "x.ckpt", _use_new_zipfile_serialization=is_zip)
    with pytest.raises(UnreadableCheckpoint, match="34359738368"):
        load_checkpoint(str(tmp_path / "x.ckpt"))


@pytest.mark.parametrize("is_zip", [True, False])
def test_a_pickle_cannot_ask_for_a_long_table_of_its_objects(tmp_path, is_zip):
    path = tmp_path / "x.ckpt"
    torch.save({"state_dict": {}}, path, _use_new_zipfile_serialization=is_zip)
    written = b"}q\x00"  # an empty dictionary, put at 0
    table = b"}r" + (2**31).to_bytes(4, "little")
    if is_zip:
        with zipfile.ZipFile(path) as archive:
            entries = {n: archive.read(n) for n in archive.namelist()}
        with zipfile.ZipFile(path, "w") as archive:
            for name, data in entries.items():
                archive.writestr(name, data.replace(written, table))
    else:
        path.write_bytes(path.read_bytes().replace(written, table))
    with pytest.raises(UnreadableCheckpoint, match="object 2147483648 of a pickle of"):
        load_checkpoint(str(path))


def test_a_config_that_the_tensors_do_not_fit_takes_no_memory():
    checkpoint = load_checkpoint(str(PUBLISHED))
    huge = replace(checkpoint, config=replace(checkpoint.config, internal_channels=10**6))
    with pytest.raises(UnsupportedCheckpoint, match="size mismatch"):
        huge.build()  # its weights would be of terabytes


@pytest.mark.parametrize("text", ["-" * 100_000 + "1", "[" * 900])
def test_text_that_is_no_literal_stays_text(text):
    assert literal(text) == text


@pytest.mark.parametrize("content", [{}, {"state_dict": {}}, [1, 2], {"state_dict": {"w": 3}}])
def test_files_with_no_tensors_left_are_refused(tmp_path, content):
    torch.save(content, tmp_path / "none.ckpt")
    with pytest.raises(UnreadableCheckpoint, match="state_dict"):
        load_checkpoint(str(tmp_path / "none.ckpt"))


def test_files_of_another_kind_are_refused(tmp_path):
    torch.save({"state_dict": {"fc.weight": torch.ones(2, 2)}}, tmp_path / "classifier.ckpt")
    with pytest.raises(UnsupportedCheckpoint, match=r"fc\.weight"):
        load_checkpoint(str(tmp_path / "classifier.ckpt"))
    (tmp_path / "notes.txt").write_text("not a checkpoint")
    with pytest.raises(UnreadableCheckpoint, match=r"torch\.save wrote"):
        load_checkpoint(str(tmp_path / "notes.txt"))
    (tmp_path / "plain.pkl").write_bytes(pickle.dumps({"a": 1}))
    with pytest.raises(UnreadableCheckpoint):
        load_checkpoint(str(tmp_path / "plain.pkl"))
    (tmp_path / "cut.ckpt").write_bytes(PUBLISHED.read_bytes()[:100_000])
    with pytest.raises(UnreadableCheckpoint):
        load_checkpoint(str(tmp_path / "cut.ckpt"))
    with zipfile.ZipFile(tmp_path / "word.docx", "w") as archive:
        archive.writestr("document.xml", "<x/>")
    with pytest.raises(UnreadableCheckpoint, match=r"data\.pkl"):
        load_checkpoint(str(tmp_path / "word.docx"))
    with pytest.raises(UnknownCheckpoint, match="default"):
        load_checkpoint("no-such-name")


def test_hyper_parameters_that_the_tensors_do_not_fit_are_refused():
    content = unpickling.read_zip(PUBLISHED)
    content["hyper_parameters"] |= {"num_tdfs": "5"}
    found = published.translate(content, "x.ckpt")
    assert found.config.num_latents == 5, "numbers that stand as text are read"
    with pytest.raises(RuntimeError, match="size mismatch"):
        UNet(found.config).load_state_dict(found.tensors)


def test_native_round_trip(tmp_path):
    first = load_checkpoint(str(PUBLISHED))
    card = {"name": "tiny", "licence": "MIT"}
    native.write(tmp_path / "tiny.safetensors", first.config, first.tensors, card)
    second = load_checkpoint(str(tmp_path / "tiny.safetensors"))
    assert (second.name, second.licence, second.config) == ("tiny", "MIT", first.config)
    assert all(torch.equal(second.tensors[k], v) for k, v in first.tensors.items())
    assert second.sha256 != first.sha256
    (tmp_path / "bad.safetensors").write_bytes(b"\xff" * 64)
    with pytest.raises(UnreadableCheckpoint, match="safetensors"):
        load_checkpoint(str(tmp_path / "bad.safetensors"))


def test_checkpoint_from_a_url_equals_the_file():
    assert load_checkpoint(PUBLISHED.as_uri()).sha256 == load_checkpoint(str(PUBLISHED)).sha256


@pytest.mark.parametrize(
    "change",
    [
        {"n_fft": "abc"},
        {"n_blocks": "[7]"},
        {"internal_channels": -3},
        {"n_fft": 2.5},
    ],
)
def test_hyper_parameters_that_no_network_has_are_refused_by_name(change):
    content = unpickling.read_zip(PUBLISHED)
    content["hyper_parameters"] |= change
    with pytest.raises(UnsupportedCheckpoint, match=r"x\.ckpt"):
        published.translate(content, "x.ckpt")


@pytest.mark.parametrize(
    "config", [None, {}, {"unheard_of": 1}, {"n_fft": "x"}, {"internal_channels": -3}, [1]]
)
def test_own_files_of_another_make_are_refused(tmp_path, config):
    path = tmp_path / "other.safetensors"
    card = json.dumps({"family": "unet", "config": config})
    save_file({"w": torch.ones(2)}, path, {"lasaft_stems": card})
    with pytest.raises(UnsupportedCheckpoint, match=r"other\.safetensors"):
        load_checkpoint(str(path)).build()


@pytest.mark.parametrize("location", ["n" * 5000, "zzz://bucket/x.ckpt", "file:///no/such.ckpt"])
def test_places_that_hold_nothing_are_wrong_use(location):
    with pytest.raises(UnknownCheckpoint):
        load_checkpoint(location)


def notebook_state(prefix=""):
    """A network as the first notebooks saved it: other names, convolutions on [bins, frames]."""
    torch.manual_seed(0)
    config = replace(
        PRESETS["tdc-17"], num_blocks=3, internal_channels=4, num_conv_layers=2,
        is_centered=False, channel_order="sides",
    )  # fmt: skip
    network = UNet(config).eval()
    state = {}
    for name, tensor in network.state_dict().items():
        key = name.replace("last_conv", "final_conv").replace(".tfc.H", ".H")
        key = key.replace("samplings.", "sampling.")
        if "sampling" in key:
            key = key.replace(".0.weight", ".conv.weight").replace(".0.bias", ".conv.bias")
            parts = key.split(".")
            parts[2] = {"0": "conv", "1": "bn"}.get(parts[2], parts[2])
            key = ".".join(parts)
        outer = key.startswith(("first_conv", "final_conv"))
        if tensor.ndim == 4 and outer:
            state[prefix + key] = tensor.transpose(2, 3)
        else:
            state[prefix + key] = tensor.squeeze(2) if tensor.ndim == 4 else tensor
    return network, state


@pytest.mark.parametrize("prefix", ["", "module."])
def test_a_bare_legacy_state_dictionary_loads_with_the_notebooks_defaults(tmp_path, prefix):
    network, state = notebook_state(prefix)
    path = tmp_path / "vocals.pt"
    torch.save(state, path, _use_new_zipfile_serialization=False)
    checkpoint = load_checkpoint(str(path))
    assert checkpoint.config == network.config
    spectrogram = torch.randn(1, 4, 64, 1025)
    with torch.inference_mode():
        outputs = [n(spectrogram, torch.tensor([0])) for n in (network, checkpoint.build())]
    torch.testing.assert_close(*outputs)


def test_legacy_files_call_nothing_and_may_not_be_cut(tmp_path):
    path, witness = tmp_path / "evil.pt", tmp_path / "witness"
    content = {"a": torch.arange(6.0).reshape(2, 3).t(), "x": Exploit(f"touch {witness}")}
    torch.save(content, path, _use_new_zipfile_serialization=False)
    read = unpickling.read_legacy(path)
    assert torch.equal(read["a"], content["a"])
    assert isinstance(read["x"], unpickling.Inert)
    assert not witness.exists()
    whole = path.read_bytes()
    for size in range(0, len(whole), 7):
        path.write_bytes(whole[:size])
        with pytest.raises(UnreadableCheckpoint):
            unpickling.read_legacy(path)
