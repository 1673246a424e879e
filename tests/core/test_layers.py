"""Which layer brings which library, looked at in fresh interpreters."""

import json
import pkgutil
import subprocess
import sys

import pytest

import lasaft_core

MODULES = sorted(
    name
    for _, name, _ in pkgutil.walk_packages(lasaft_core.__path__, "lasaft_core.")
    if not name.endswith("__main__")
)
HEAVY = ("torch", "ray", "prefect")


def imported_by(modules, *, forbidden=()):
    """The heavy libraries that a fresh interpreter holds after importing the modules."""
    program = f"""
import json, sys
for name in {forbidden!r}:
    sys.modules[name] = None
import importlib
for name in {modules!r}:
    importlib.import_module(name)
print(json.dumps([n for n in {HEAVY!r} if sys.modules.get(n) is not None]))
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_every_core_module_works_without_ray_and_prefect():
    assert imported_by(MODULES, forbidden=("ray", "prefect")) == ["torch"]


def test_a_missing_library_would_be_noticed():
    with pytest.raises(AssertionError, match="torch"):
        imported_by(["lasaft_core.separator"], forbidden=("torch",))


def test_catalog_audio_and_song_bring_no_torch():
    names = [m for m in MODULES if m.split(".")[1] in ("catalog", "storage", "audio", "song")]
    assert len(names) > 8
    assert imported_by(["lasaft_core", *names]) == []


def test_actors_bring_no_prefect():
    loaded = imported_by(["ray_actors.worker", "ray_actors.pool"], forbidden=("prefect",))
    assert "prefect" not in loaded


def test_public_names():
    assert lasaft_core.__all__ == ["Separator"]
    assert lasaft_core.Separator.__name__ == "Separator"
    with pytest.raises(AttributeError, match="Separater"):
        lasaft_core.Separater  # noqa: B018
