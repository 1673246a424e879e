"""Compiled networks compute the same; without a compiler the others go on."""

import copy
import fcntl
import logging
import mmap
import os
import shutil
import stat
import subprocess
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from lasaft_core.fast import CompiledLater, SpecialisedUNet, compilation, packages
from lasaft_core.fast.compilation import Making, compile_network
from lasaft_core.fast.packages import cpu_capabilities, load_compiled, package_path, remove_unused
from lasaft_core.models import PRESETS, UNet


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("LASAFT_COMPILED", str(tmp_path / "compiled"))
    return tmp_path / "compiled"


@pytest.fixture
def network():
    torch.manual_seed(1)
    config = replace(
        PRESETS["lasaft-tiny"], n_fft=256, hop_samples=64, num_frames=16, num_conv_layers=1,
        targets=("vocals", "bass"), mixture_consistent=True, encoder_block="tfc-tdf",
    )  # fmt: skip
    with torch.inference_mode():
        return SpecialisedUNet(UNet(config).eval(), config.targets)


def computed(network, batch=2):
    torch.manual_seed(2)
    with torch.inference_mode():
        return network(torch.randn(batch, 4, 16, 129))


@pytest.mark.timeout(1200)
def test_it_works_on_while_it_is_compiled_and_is_found_again(network, folder, caplog):
    caplog.set_level(logging.INFO)
    expected = computed(network)
    first = CompiledLater(network, after_seconds=0.0)
    while "event=compiled_loaded" not in caplog.text:
        torch.testing.assert_close(computed(first), expected, atol=1e-5, rtol=1e-5)
        assert "event=not_compiled" not in caplog.text
        time.sleep(0.5)  # leaves the machine to the compiler
    torch.testing.assert_close(computed(first), expected, atol=1e-5, rtol=1e-5)
    second = CompiledLater(network, after_seconds=1e9)
    torch.testing.assert_close(computed(second), expected, atol=1e-5, rtol=1e-5)
    events = [record.getMessage().split()[0] for record in caplog.records]
    assert events == ["event=compiled", "event=compiled_loaded", "event=compiled_loaded"]
    assert {path.suffix for path in folder.iterdir()} == {".pt2", ".lock"}
    unpacked = {line.split("aotinductor_")[1].split("/")[0] for line in mapped("aotinductor_")}
    assert len(unpacked) == 2
    left = {
        path.name.removeprefix("aotinductor_") for path in Path(tempfile.gettempdir()).iterdir()
    }
    assert not left & unpacked


def test_only_what_pytorch_unpacked_is_removed(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    files = [tmp_path / "aotinductor_x1" / "a.so", tmp_path / "mine" / "aotinductor_x2" / "b.so"]
    for file in files:
        file.parent.mkdir(parents=True)
        file.write_bytes(bytes(4096))
    with files[0].open() as first, files[1].open() as second:
        maps = [mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_READ) for f in (first, second)]
    packages._remove_unpacked()
    assert [file.exists() for file in files] == [False, True]
    for open_map in maps:
        open_map.close()


def mapped(name):
    return [line for line in Path("/proc/self/maps").read_text().splitlines() if name in line]


def test_what_another_process_makes_is_waited_for(network, folder):
    folder.mkdir()
    path = package_path(network)
    with path.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        making = Making.begin(network)
        assert making.process is None
        assert not making.has_ended()
    assert making.has_ended()


def test_a_folder_that_goes_meanwhile_ends_it(network, folder, caplog):
    folder.mkdir()
    with package_path(network).with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        making = Making.begin(network)
    shutil.rmtree(folder)
    assert making.has_ended()
    assert "event=not_compiled" in caplog.text


def test_one_that_failed_leaves_its_place_to_whoever_began_since(network, folder):
    folder.mkdir()
    path = package_path(network)
    failed = Making(path, subprocess.Popen(["false"]))
    failed.process.wait()
    path.with_suffix(".making").mkdir()
    with path.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert failed.has_ended()
    assert path.with_suffix(".making").exists()


def test_what_was_made_meanwhile_is_taken(network, folder, monkeypatch):
    later = CompiledLater(network, after_seconds=0.0)
    monkeypatch.setattr(compilation, "load_compiled", lambda _: lambda x: torch.zeros(2, 1, 1))
    computed(later)
    assert not folder.exists()


def test_an_empty_folder_name_means_never(network, monkeypatch):
    monkeypatch.setenv("LASAFT_COMPILED", "")
    assert package_path(network) is None
    assert not compile_network(network)
    assert load_compiled(network) is None


def test_a_cache_out_of_reach_hinders_nobody(network, tmp_path, monkeypatch, caplog):
    (tmp_path / "file").touch()
    monkeypatch.setenv("LASAFT_COMPILED", str(tmp_path / "file" / "compiled"))
    assert not compile_network(network)
    assert [r.getMessage().split()[0] for r in caplog.records] == ["event=not_compiled"]
    torch.testing.assert_close(computed(CompiledLater(network, 0.0)), computed(network))


def test_without_a_compiler_it_goes_on_as_it_was(network, monkeypatch, caplog):
    caplog.set_level(logging.INFO)
    monkeypatch.setenv("CXX", "/nowhere/g++")
    later = CompiledLater(network, after_seconds=0.0)
    torch.testing.assert_close(computed(later), computed(network), atol=0, rtol=0)
    computed(later)
    assert [r.getMessage() for r in caplog.records] == [
        "event=not_compiled reason='no C++ compiler; remedy: install g++'"
    ]


@pytest.mark.timeout(1200)
def test_a_compiler_that_fails_leaves_one_line_and_no_file(
    network, folder, tmp_path, monkeypatch, caplog
):
    broken = tmp_path / "broken-g++"
    broken.write_text("#!/bin/sh\nexit 1\n")
    broken.chmod(broken.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("CXX", str(broken))
    assert not compile_network(network)
    assert {path.suffix for path in folder.iterdir()} == {".lock"}
    assert [r.getMessage().split()[0] for r in caplog.records] == ["event=not_compiled"]


def test_packages_go_that_nobody_has_loaded_for_half_a_year(tmp_path):
    old, new = tmp_path / "old.pt2", tmp_path / "new.pt2"
    for path, days in ((old, 183), (new, 181)):
        path.touch()
        os.utime(path, (time.time() - days * 86_400,) * 2)
    remove_unused(tmp_path)
    assert list(tmp_path.iterdir()) == [new]


def test_a_damaged_package_is_left_alone(network, caplog):
    path = package_path(network)
    path.parent.mkdir()
    path.write_bytes(b"not a package")
    assert load_compiled(network) is None
    assert "compiled_unusable" in caplog.text


def test_an_older_pytorch_is_asked_for_what_it_tells(monkeypatch):
    of_2_6 = SimpleNamespace(
        _is_amx_tile_supported=lambda: True, _is_avx512_bf16_supported=lambda: False
    )
    monkeypatch.setattr(torch, "cpu", of_2_6)
    assert cpu_capabilities() == {"amx_bf16": True, "avx512_bf16": False}
    monkeypatch.setattr(torch, "cpu", SimpleNamespace())
    assert cpu_capabilities() == {}


def test_packages_differ_where_anything_does(network, monkeypatch):
    config = network.config
    plain = UNet(config).eval()
    others = [
        SpecialisedUNet(plain, ("vocals", "bass")),
        SpecialisedUNet(plain, ("bass", "vocals")),
        SpecialisedUNet(UNet(replace(config, num_frames=32)).eval(), ("vocals", "bass")),
        copy.deepcopy(network).in_precision(torch.bfloat16),
    ]
    paths = {package_path(each) for each in (network, *others)}
    threads = torch.get_num_threads()
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads + 1)
    paths.add(package_path(network))
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"of": "another processor"})
    paths.add(package_path(network))
    assert len(paths) == 7
