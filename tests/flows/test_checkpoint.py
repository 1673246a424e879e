"""`lasaft-stems checkpoint`: inspect, convert, list."""

import json
from pathlib import Path

import pytest
import torch

from flows.cli import main
from lasaft_core.checkpoints import load_checkpoint, registry, unpickling

GOLDEN = Path(__file__).parents[1] / "golden" / "tfc_gpocm_lasaft.ckpt"


def test_inspect_tells_what_the_file_holds(capsys):
    assert main(["checkpoint", "inspect", str(GOLDEN)]) == 0
    printed = capsys.readouterr().out
    for line in ("parameters: 520,664", "licence: not said", "  n_fft: 512", "  block: tfc-lasaft"):
        assert line + "\n" in printed
    assert "2010.11631" in printed
    assert "lightning_version" in printed


def test_inspect_tells_what_was_assumed(tmp_path, capsys):
    content = unpickling.read_zip(GOLDEN)
    torch.save({"state_dict": content["state_dict"]}, tmp_path / "bare.ckpt")
    command = ["checkpoint", "inspect", str(tmp_path / "bare.ckpt"), "--frames", "64"]
    assert main([*command, "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["assumed"]["hop_samples"] == 256
    assert facts["assumed"]["num_frames"] == 64
    assert "n_fft" not in facts["assumed"]
    assert facts["hyper_parameters"]["num_latents"] == 3
    assert main([*command, "--hop", "128"]) == 0
    assert "not in the file, assumed" in capsys.readouterr().out


def test_the_default_is_known_by_its_preset(capsys):
    assert main(["checkpoint", "inspect", "default", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["preset"] == "lasaft-subband"


def test_convert_rounds_to_half_the_bytes(tmp_path):
    whole, half = tmp_path / "whole.safetensors", tmp_path / "half.safetensors"
    assert main(["checkpoint", "convert", str(GOLDEN), str(whole)]) == 0
    assert main(["checkpoint", "convert", str(GOLDEN), str(half), "--half"]) == 0
    assert half.stat().st_size < 0.6 * whole.stat().st_size
    before, after = load_checkpoint(str(whole)).tensors, load_checkpoint(str(half)).tensors
    for name, tensor in before.items():
        torch.testing.assert_close(after[name], tensor, rtol=1e-3, atol=1e-4)
    weight = next(name for name, tensor in before.items() if tensor.is_floating_point())
    assert not torch.equal(before[weight], after[weight])


def test_convert_keeps_every_number_and_says_where_they_are_from(tmp_path, capsys):
    out = tmp_path / "converted.safetensors"
    command = ["checkpoint", "convert", str(GOLDEN), str(out)]
    assert main([*command, "--licence", "CC0", "--name", "tried"]) == 0
    before, after = load_checkpoint(str(GOLDEN)), load_checkpoint(str(out))
    assert (after.name, after.licence, after.config) == ("tried", "CC0", before.config)
    assert all(torch.equal(after.tensors[name], t) for name, t in before.tensors.items())
    assert after.origin.facts["converted_from_sha256"] == before.sha256
    assert main(command) == 2
    assert "--force" in capsys.readouterr().err
    assert load_checkpoint(str(out)).name == "tried"
    assert main([*command, "--force"]) == 0
    assert load_checkpoint(str(out)).name == GOLDEN.name
    assert [path.name for path in tmp_path.iterdir()] == [out.name]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("inspect", "no-such-file.ckpt"), "lasaft-large-2020"),
        (("inspect", str(GOLDEN), "--hop", "100"), "hop_samples 100"),
        (("inspect", str(GOLDEN.parent / "windows.npz")), "windows.npz"),
        (("convert", str(GOLDEN), "x.ckpt"), ".safetensors"),
        (("convert", str(GOLDEN), "no/such/folder/x.safetensors"), "OUT"),
    ],
)
def test_wrong_use_is_told_in_one_line(capsys, arguments, said):
    assert main(["checkpoint", *arguments]) == 2
    message = capsys.readouterr().err
    assert said in message
    assert message.count("\n") == 1


def test_list_says_what_is_here(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv(registry.FOLDER_VARIABLE, str(tmp_path))
    (tmp_path / "lasaft_large_2019.ckpt").write_bytes(GOLDEN.read_bytes())
    assert main(["checkpoint", "list"]) == 0
    printed = capsys.readouterr().out
    assert "lasaft-large-2019 (here)" in printed
    assert "lasaft-large-2020 (not here)" in printed
    assert str(tmp_path) in printed
    assert main(["checkpoint", "list", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert listed["checkpoints"]["tdc-17-vocals-1"]["preset"] == "tdc-17"
