"""The demo's catalog is what it says: real files of every kind, whose music is where it should be.

Songs come from wheels that `make` downloads beside the environment; without them these tests are
skipped.
"""

from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from infra.demo import origins
from infra.demo.catalog import BROKEN_KEY, DUPLICATE_KEY, MENU_KEY, SONGS, write_catalog
from infra.demo.origins import MUSIC

pytestmark = pytest.mark.skipif(
    not list(MUSIC.glob("*.whl")), reason=f"no wheels with music in {MUSIC}: make test fetches them"
)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return write_catalog(MUSIC, tmp_path_factory.mktemp("catalog"))


def seconds_of(path: Path) -> float:
    if path.suffix != ".m4a":
        return soundfile.info(path).duration
    with av.open(str(path)) as container:
        assert container.duration is not None
        return container.duration / av.time_base


def test_it_holds_three_minutes_of_at_least_six_contents(files):
    whole = {key: path for key, path in files.items() if key not in (BROKEN_KEY, DUPLICATE_KEY)}

    seconds = {key: seconds_of(path) for key, path in whole.items()}

    assert len({path.read_bytes() for path in whole.values()}) >= 6
    assert sum(seconds.values()) >= 180
    assert max(seconds.values()) > 60


def test_it_has_the_kinds_that_catalogs_have(files):
    readable = [p for k, p in files.items() if k != BROKEN_KEY and p.suffix != ".m4a"]
    infos = [soundfile.info(path) for path in readable]

    assert {path.suffix for path in files.values()} == {".wav", ".flac", ".ogg", ".mp3", ".m4a"}
    assert {"FLOAT", "PCM_16", "PCM_24"} <= {info.subtype for info in infos}
    assert {22_050, 44_100, 48_000, 96_000} == {info.samplerate for info in infos}
    assert {1, 2} == {info.channels for info in infos}
    assert any(not key.isascii() for key in files)
    assert any(key.count("/") > 1 for key in files)


def test_the_duplicate_is_one_and_the_broken_file_breaks_off(files):
    menu = files[MENU_KEY].read_bytes()

    assert files[DUPLICATE_KEY].read_bytes() == menu
    assert menu.startswith(files[BROKEN_KEY].read_bytes())
    with pytest.raises(soundfile.LibsndfileError):
        soundfile.read(files[BROKEN_KEY])


def test_no_song_is_silent_and_every_one_names_its_licence(files):
    for song in SONGS:
        assert song.origin.licence
        assert song.origin.carrier
        if song.key != BROKEN_KEY and not song.key.endswith(".m4a"):
            audio, _ = soundfile.read(files[song.key])
            assert np.sqrt(np.mean(audio**2)) > 0.01, song.key


def test_the_known_song_is_the_sum_of_its_stems(files):
    stems, rate = origins.read_falcon_stems()
    mixture, mixture_rate = soundfile.read(
        files["the easton ellises/falcon 69 (float).wav"], dtype="float32"
    )

    assert set(stems) == {"vocals", "drums", "bass", "other"}
    assert rate == mixture_rate
    np.testing.assert_allclose(sum(stems.values()), mixture, atol=1e-6)
