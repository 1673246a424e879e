"""Compiled networks compute the same; without a compiler the others go on."""

import logging
import stat
from dataclasses import replace

import pytest
import torch

from lasaft_core.fast import CompiledLater, SpecialisedUNet
from lasaft_core.fast.compilation import compile_network, load_compiled, package_path
from lasaft_core.models import PRESETS, UNet


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("LASAFT_COMPILED", str(tmp_path / "compiled"))
    return tmp_path / "compiled"


@pytest.fixture
def network():
    torch.manual_seed(1)
    config = replace(
        PRESETS["lasaft-tiny"], n_fft=256, hop_samples=64, num_frames=16, num_conv_layers=1
    )
    with torch.inference_mode():
        return SpecialisedUNet(UNet(config).eval(), ("vocals", "bass"))


def computed(network, batch=2):
    torch.manual_seed(2)
    with torch.inference_mode():
        return network(torch.randn(batch, 4, 16, 129))


@pytest.mark.timeout(600)
def test_what_was_compiled_computes_the_same_and_is_found_again(network, caplog):
    caplog.set_level(logging.INFO)
    expected = computed(network)
    first = CompiledLater(network, after_seconds=0.0)
    torch.testing.assert_close(computed(first), expected, atol=1e-5, rtol=1e-5)
    second = CompiledLater(network, after_seconds=1e9)
    torch.testing.assert_close(computed(second), expected, atol=1e-5, rtol=1e-5)
    events = [record.getMessage().split()[0] for record in caplog.records]
    assert events == ["event=compiled", "event=compiled_loaded", "event=compiled_loaded"]


def test_without_a_compiler_it_goes_on_as_it_was(network, monkeypatch, caplog):
    caplog.set_level(logging.INFO)
    monkeypatch.setenv("CXX", "/nowhere/g++")
    later = CompiledLater(network, after_seconds=0.0)
    torch.testing.assert_close(computed(later), computed(network), atol=0, rtol=0)
    computed(later)
    assert [r.getMessage() for r in caplog.records] == [
        "event=not_compiled reason='no C++ compiler; remedy: install g++'"
    ]


@pytest.mark.timeout(600)
def test_a_compiler_that_fails_leaves_one_line_and_no_file(
    network, folder, tmp_path, monkeypatch, caplog
):
    broken = tmp_path / "broken-g++"
    broken.write_text("#!/bin/sh\nexit 1\n")
    broken.chmod(broken.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("CXX", str(broken))
    assert not compile_network(network)
    assert list(folder.iterdir()) == []
    assert [r.getMessage().split()[0] for r in caplog.records] == ["event=not_compiled"]


def test_a_damaged_package_is_left_alone(network, caplog):
    path = package_path(network)
    path.parent.mkdir()
    path.write_bytes(b"not a package")
    assert load_compiled(network) is None
    assert "compiled_unusable" in caplog.text


def test_packages_differ_where_anything_does(network):
    path = package_path(network)
    other = SpecialisedUNet(UNet(network.config).eval(), ("vocals", "bass"))
    assert package_path(other) != path
    with torch.inference_mode():
        network.in_precision(torch.bfloat16)
    assert package_path(network) != path
