import shutil
from pathlib import Path

import numpy as np
import pytest
from sound_files import noise

from lasaft_core.audio import drafts as drafts_module
from lasaft_core.audio.drafts import Draft, SongDrafts, check_room
from lasaft_core.audio.formats import OutputFormat
from lasaft_core.audio.writer import StemLayout, StemWriter
from lasaft_core.errors import ScratchFull


def test_drafts_give_back_what_they_took(tmp_path):
    samples = noise(200_000)
    with SongDrafts(tmp_path, ("vocals",), 2, residual=True) as drafts:
        for start in range(0, len(samples), 7000):
            block = samples[start : start + 7000]
            drafts.append(block, {"vocals": block * 3})
        for name, share in (("vocals", 3), ("residual", -2)):
            back = np.concatenate(list(drafts.by_name[name].blocks()))
            np.testing.assert_allclose(back, samples * share, atol=1e-6)
        assert drafts.peak == pytest.approx(3 * np.abs(samples).max())


def test_a_full_disk_is_named_while_drafting():
    draft = Draft("vocals", Path("/dev/full"), 2)
    with pytest.raises(ScratchFull, match="room for 'vocals', got a full disk"):
        draft.append(noise(1000))
    draft.close()


def test_a_song_of_unknown_length_leaves_some_of_the_disk(tmp_path, monkeypatch):
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(drafts_module, "CHECK_BYTES", 100_000)
    with SongDrafts(tmp_path, ("vocals",), 2, residual=False) as drafts:
        block = noise(10_000)
        drafts.append(block, {"vocals": block})
        less = usage._replace(free=drafts_module.RESERVE_BYTES - 1)
        monkeypatch.setattr(shutil, "disk_usage", lambda path: less)
        with pytest.raises(ScratchFull, match=f"expected {1 << 30} bytes free"):
            drafts.append(block, {"vocals": block})


@pytest.mark.parametrize("codec", ["flac", "wav"])
def test_a_full_disk_is_named_while_encoding(codec):
    layout = StemLayout(OutputFormat(codec, 24), 44_100, 2, 100_000)
    with (
        pytest.raises(ScratchFull, match="can't be written"),
        StemWriter(Path("/dev/full"), layout) as writer,
    ):
        writer.write(noise(100_000))


def test_needs_on_one_disk_add_up(tmp_path):
    free = shutil.disk_usage(tmp_path).free
    check_room([(tmp_path, free // 4), (tmp_path / "not" / "yet" / "there", free // 4)])
    with pytest.raises(ScratchFull, match="TMPDIR"):
        check_room([(tmp_path, free), (tmp_path / "not" / "yet" / "there", free // 4)])
