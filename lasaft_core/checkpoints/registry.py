"""Checkpoints by name: the one that ships, and the published ones, which do not.

The published files are not downloaded by this project (their hosts come and go, and the songs
they learnt from are for research only): put them into the folder of `published_folder`.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lasaft_core.errors import UnknownCheckpoint

FOLDER_VARIABLE: Final = "LASAFT_CHECKPOINTS"
DEFAULT: Final = Path(__file__).parent.parent / "weights" / "default.safetensors"
_LASAFT: Final = "http://intelligence.korea.ac.kr/assets"
_ISMIR: Final = "https://github.com/ws-choi/ISMIR2020_U_Nets_SVS, "
_NOTEBOOKS: Final = _ISMIR + ".deprecated/pretrained"
RESEARCH_ONLY: Final = "MIT; trained on MUSDB18, whose songs are for research only"


@dataclass(frozen=True, slots=True)
class Published:
    """A published file: its name, where it is from, the preset it fits, the figure it stands for.

    `sdr_db` is the published median SDR on MUSDB18's test songs: vocals, or V / D / B / O.
    """

    file: str
    origin: str
    preset: str
    sdr_db: str
    sha256: str | None = None


def _large(seed: int, sha256: str | None = None) -> Published:
    row = "7.33 / 5.68 / 5.63 / 4.87 (one of three seeds)"
    return Published(f"lasaft_large_{seed}.ckpt", _LASAFT, "lasaft-large", row, sha256)


_TDC_SHA256: Final = {
    1: "45c7dd11479a4922119cafde0196304b39d240504ac52fbd07f8676ec32a9a0f",
    2: "a9002793ef2fccd0b4e014871f4f90710fc0517b1dfcc6e561384dc579e026c5",
    3: "647b6b95acc25dfdb524880d18860f18cc2737b46ce4dce4ac4d7b38399ce27c",
}
PUBLISHED: Final[dict[str, Published]] = {
    "lasaft-large-2019": _large(2019),
    "lasaft-large-2020": _large(
        2020,
        "d14d2dd27ed568f552be88e9ed4d8bb8ca2722e03c936ea16e8e260ab49da9f1",
    ),
    "lasaft-large-2021": _large(2021),
    **{
        f"tdc-17-vocals-{rank}": Published(
            f"cac_tdc_17_vocals_top{rank}.pt", _NOTEBOOKS, "tdc-17", "4.86", sha256
        )
        for rank, sha256 in _TDC_SHA256.items()
    },
    **{
        f"tfc-tdf-17-vocals-{rank}": Published(
            f"cac_tfc_tdf_17_vocals_top{rank}.pt", _NOTEBOOKS, "tfc-tdf-17", "7.12"
        )
        for rank in (1, 2, 3)
    },
    "tfc-tdf-large-vocals": Published(
        "cac_tfc_tdf_large_vocals.pt", _NOTEBOOKS, "tfc-tdf-large", "7.98"
    ),
    "tfc-tdf-7-vocals": Published(
        "vocals_epoch=891.ckpt",
        _ISMIR + "etc/checkpoints/tfc_tdf_net/debug",
        "tfc-tdf-7",
        "6.955",
    ),
    "tfc-tdf-9-vocals": Published(
        "vocals_epoch=2007.ckpt",
        _ISMIR + "etc/checkpoints/tfc_tdf_net/debug_large",
        "tfc-tdf-large",
        "8.03",
    ),
}


def published_folder() -> Path:
    """`LASAFT_CHECKPOINTS`, or `~/.cache/lasaft-stems/checkpoints`."""
    given = os.environ.get(FOLDER_VARIABLE)
    return Path(given) if given else Path.home() / ".cache" / "lasaft-stems" / "checkpoints"


def published_path(name: str) -> Path:
    """The file of a published checkpoint; raises UnknownCheckpoint, which says how to get it."""
    entry = PUBLISHED[name]
    path = published_folder() / entry.file
    if not path.is_file():
        raise UnknownCheckpoint(
            f"checkpoint {name}",
            expected=path,
            got="no such file",
            remedy=f"download {entry.file} from {entry.origin}, put it there, or set "
            f"{FOLDER_VARIABLE} to the folder that holds it",
        )
    return path


def licence_of(sha256: str) -> str | None:
    """Of a file's weights, where the file is a published one that is known by its hash."""
    known = {entry.sha256 for entry in PUBLISHED.values()}
    return RESEARCH_ONLY if sha256 in known else None


def check_published(name: str, sha256: str) -> None:
    """Raises UnknownCheckpoint where a file is not the published one."""
    expected = PUBLISHED[name].sha256
    if expected is not None and sha256 != expected:
        raise UnknownCheckpoint(
            f"checkpoint {name}",
            expected=f"SHA-256 {expected}",
            got=sha256,
            remedy="download it again, or load it by its path",
        )
