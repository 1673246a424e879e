"""Files as the different releases of Lightning wrote them, with objects that must stay inert."""

import argparse
import sys
import types
from pathlib import Path

import pytest
import torch

from lasaft_core.checkpoints import load_checkpoint, unpickling

GOLDEN = Path(__file__).parents[2] / "golden"
NAME = "tfc_gpocm_lasaft"


class AttributeDict(dict):
    """Pickles as pytorch_lightning.utilities.parsing.AttributeDict does."""


class ModelCheckpoint:
    """A callback's class, which was a key of `callbacks`."""


@pytest.fixture
def content(monkeypatch):
    """A golden file's content; the classes above belong to a module that is gone on reading."""
    module = types.ModuleType("pytorch_lightning_of_old")
    for kind in (AttributeDict, ModelCheckpoint):
        monkeypatch.setattr(kind, "__module__", module.__name__)
        setattr(module, kind.__name__, kind)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    return unpickling.read_zip(GOLDEN / f"{NAME}.ckpt")


def written(path, content, **options):
    torch.save(content, path, **options)
    sys.modules.pop("pytorch_lightning_of_old")
    return load_checkpoint(str(path))


def plain(hyper_parameters):
    return dict(hyper_parameters)


ERAS = {
    "0.7": lambda c, h: {
        "state_dict": c["state_dict"], "hparams": argparse.Namespace(**h), "epoch": 3,
        "global_step": 9, "checkpoint_callback_best_model_path": "x", "optimizer_states": [],
    },
    "0.8": lambda c, h: {
        "state_dict": c["state_dict"], "hyper_parameters": AttributeDict(h), "epoch": 3,
        "hparams_type": AttributeDict, "pytorch-lightning_version": "0.8.5",
    },
    "0.9 with module arguments": lambda c, h: {
        "state_dict": c["state_dict"], "module_arguments": plain(h), "epoch": 3,
    },
    "1.0": lambda c, h: {
        "state_dict": c["state_dict"], "hyper_parameters": AttributeDict(h), "epoch": 3,
        "callbacks": {ModelCheckpoint: {"best_model_path": "x"}},
        "pytorch-lightning_version": "1.0.8",
    },
    "2.0": lambda c, h: {
        "state_dict": c["state_dict"], "hyper_parameters": plain(h), "epoch": 3, "loops": {},
        "callbacks": {"ModelCheckpoint{'monitor': 'val_loss'}": {}},
        "pytorch-lightning_version": "2.0.1", "hparams_name": "kwargs",
    },
}  # fmt: skip


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize("zipped", [True, False])
def test_hyper_parameters_are_found_wherever_they_were_kept(tmp_path, content, era, zipped):
    expected = load_checkpoint(str(GOLDEN / f"{NAME}.ckpt"))
    old = ERAS[era](content, content["hyper_parameters"])
    found = written(tmp_path / "old.ckpt", old, _use_new_zipfile_serialization=zipped)
    assert found.config == expected.config
    assert found.origin.layout == "Lightning checkpoint"
    assert found.origin.facts["epoch"] == 3
    assert found.origin.facts.get("lightning_version") == old.get("pytorch-lightning_version")
    assert all(torch.equal(found.tensors[k], v) for k, v in expected.tensors.items())
    assert "pytorch_lightning_of_old" not in sys.modules


def test_what_says_nothing_of_the_network_is_told_as_ignored(tmp_path, content):
    found = written(tmp_path / "x.ckpt", ERAS["2.0"](content, content["hyper_parameters"]))
    assert {"lr", "optimizer", "train_loss"} <= set(found.origin.ignored)
    assert not {"n_fft", "pocm_type", "target_name"} & set(found.origin.ignored)


def test_tensors_of_another_device_are_read_on_this_one(tmp_path, content):
    path = tmp_path / "cuda.ckpt"
    torch.save({"state_dict": content["state_dict"]}, path, _use_new_zipfile_serialization=False)
    tagged = path.read_bytes().replace(b"X\x03\x00\x00\x00cpu", b"X\x06\x00\x00\x00cuda:0")
    assert b"cuda:0" in tagged
    path.write_bytes(tagged)
    assert all(not tensor.is_cuda for tensor in load_checkpoint(str(path)).tensors.values())
