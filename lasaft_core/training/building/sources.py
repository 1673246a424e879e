"""The material that songs are built from, and on what terms: a folder `KIND/NAME` for each source.

    soundfonts/NAME/*.sf[23]   kits, basses, guitars, reeds: NAME/**.sfz    voices/NAME/**.wav
    midi/NAME/**.mid           multitracks/NAME/**.m4a: the tracks of one recorded song
    instrumentals/NAME/**.mp3: recorded music without a voice
    solos/NAME/**.mp3: recordings of one of the targets alone; voices that sing are some, too

Sources that are not `KNOWN` say their terms in `source.json`: {"licence", "attribution", and where
it matters "files": [globs], "held_out": true, "lowest", "highest": MIDI pitches, "sung": true for
voices that sing, "a_voice_each": true where every file is another's, "target" of a solo, "stems":
{target: [globs], ...} for the files of a multitrack, the rest being "other", "left out" left out,
"takes": how often each file of a solo is heard, "direct": true where it is an electric guitar or
bass without its amplifier, so that each take gets another}. Voices alone are dry, too: each take
gets another place and room.
A source without terms is refused. What is held out plays in validation songs only, and alone of
its kind. Scores that are not held out play in songs to train on only.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from lasaft_core.errors import InvalidOption
from lasaft_core.musdb import TARGETS

MULTITRACKS: Final = "multitracks"
INSTRUMENTALS: Final = "instrumentals"
VOICES: Final = "voices"
MIDI: Final = "midi"
SOLOS: Final = "solos"
SUFFIXES: Final = {
    "soundfonts": ".sf[23]", "kits": ".sfz", "basses": ".sfz", "guitars": ".sfz", "reeds": ".sfz",
    "keyboards": ".sfz",
    VOICES: ".wav", MIDI: ".mid", MULTITRACKS: ".m4a", INSTRUMENTALS: ".mp3", SOLOS: ".mp3",
}  # fmt: skip
TERMS_FILE: Final = "source.json"

_KARORYFER = {"licence": "CC0-1.0", "attribution": "Karoryfer Samples", "lowest": 28}
_FREEPATS = {"licence": "CC0-1.0", "attribution": "FreePats project"}
_SOLFEGE = {
    "licence": "MIT",
    "attribution": "HUST_Solfege, ITEC, Huazhong University of Science and Technology",
    "files": ["**/*.flac", "**/*.wav"], "sung": True, "a_voice_each": True, "takes": 2,
}  # fmt: skip
_DIRECT = {
    "licence": "MIT",
    "attribution": "inputs of neural-amp-modeler-wasm, TONE3000 and contributors",
    "direct": True, "takes": 6,
}  # fmt: skip
_OUT_OF_SONGS = {"target": "vocals", "takes": 3, "files": ["*.flac"]}  # as `teaching` leaves them
_SECTOID = {"licence": "MIT", "attribution": "Sectoid, Carlos Viola Iborra", "files": ["*.ogg"]}
# Of GearHead Caramel; the others sound like voices to Spleeter, are a century old, or not as free.
_VOICELESS_TRACKS: Final = (
    "A Surprising", "Anthem", "HoliznaCC0 - [ABCGLPS]", "Komiku_-_0[36789]", "Komiku_-_13_-_Fight",
    "Komiku_-_32", "Alena", "Chronos", "Comic", "Doctor", "Good", "Heroic", "Jethro", "L",
    "Machinima", "Monkey", "Mr Smith", "Origami", "Shiny", "softmartin", "airtone", "techtheist",
    "TRG", "UltraCat", "yoitrax",
)  # fmt: skip
_OF_ISHIZAKA: Final = ("bach", "gallery", "garden", "lab", "observatory")
_OF_MACLEOD: Final = (  # his music without drums and bass
    "Aftermath", "Air", "Arcadia", "Evening", "Schmetterling", "The Forest", "Time", "*Sugar_Plum",
)  # fmt: skip
_ALBUM: Final[Mapping[str, Mapping[str, Sequence[str]]]] = {
    "lithium": {},
    "sodium": {},
    # Its one synthesiser plays the bass in these two, 90 % of it below 90 Hz; in caesium both.
    "potassium": {"left out": (), "bass": ("*MINILOGUE*", "*PAD + BASS*")},
    "rubidium": {"bass": ("*MINILOGUE*",)},
    "caesium": {"left out": ("* + *", "*MINILOGUE*")},
    "francium": {"left out": ("* + *", "*TEXTURE*")},
}


def _of_album(song: str) -> Mapping[str, Any]:
    """Of "Everything is Free"; its song Hydrogen ends at 12 kHz."""
    stems = {
        "left out": ("* + *",),
        "vocals": ("*VOX*",),
        "bass": ("* BASS*", "*_BASS*"),
        "drums": (
            "*HH*", "*HAT*", "*KICK*", "*SNARE*", "*BEAT*", "*DRUM*", "*CLAP*", "*TOM*", "*CRASH*",
            "*CYMBAL*", "*TOPS*", "*PRC*", "*PERC*", "*K & SN*", "*_BREAK.*", "*CRUSH*",
        ),
    }  # fmt: skip
    return {
        "licence": "CC0-1.0",
        "attribution": "Everything is Free, Software-Entwicklungskit",
        "held_out": song == "lithium",
        "stems": {**stems, **_ALBUM[song]},
    }


KNOWN: Final[Mapping[str, Mapping[str, Any]]] = {
    "fluid-gm": {"licence": "MIT", "attribution": "FluidR3 GM, Frank Wen and others"},
    "musescore-general": {
        "licence": "MIT", "attribution": "MuseScore General, S. Christian Collins and others",
    },
    "csound-gm": {
        "licence": "public domain", "attribution": "GM bank of Csound", "held_out": True,
    },
    "muldjordkit": {
        "licence": "CC-BY-4.0", "attribution": "MuldjordKit, Lars Muldjord, for DrumGizmo",
        "files": ["**/Stereo/*.sfz"],
    },
    "gogodze-phu-vol-ii": {
        "licence": "CC0-1.0", "attribution": "Karoryfer Samples", "files": ["Programs/Kit*.sfz"],
    },
    "growlybass": {**_KARORYFER, "files": ["*_clean.sfz", "*_dirty.sfz"], "highest": 67},
    "swagbass": {
        **_KARORYFER, "files": ["swagbass.sfz", "swagbass_clean.sfz"], "highest": 67,
    },
    "meatbass": {**_KARORYFER, "files": ["Programs/04_pizz.sfz"], "highest": 60},
    "pastabass": {
        **_KARORYFER, "highest": 67,
        "files": ["spaghetti.sfz", "linguine.sfz", "fetuccine.sfz", "tagliatelle.sfz"],
    },
    "ergo": {**_KARORYFER, "files": ["ergo_pizz.sfz"], "highest": 60},
    "electric-bass-yr": {**_FREEPATS, "lowest": 28, "highest": 45, "held_out": True},
    "spanish-classical-guitar": {**_FREEPATS, "lowest": 31, "highest": 79},
    "upright-piano-kw": {**_FREEPATS, "lowest": 21, "highest": 108, "held_out": True},
    "headroom-piano": {
        "licence": "CC-BY-4.0", "attribution": "Headroom Piano, Bengt Nilsson",
        "files": ["* (NoFX).sfz"], "lowest": 21, "highest": 108,
    },
    "e-pianos": {
        "licence": "CC-BY-3.0", "attribution": "E-Pianos, Greg Sullivan",
        "files": ["*/*.sfz"], "lowest": 28, "highest": 96,
    },
    "black-and-green-guitars": {
        **_KARORYFER, "files": ["Programs/0[4578]*.sfz"], "lowest": 40, "highest": 86,
    },
    "emilyguitar": {**_KARORYFER, "files": ["emily_clean.sfz"], "lowest": 40, "highest": 84},
    "weresax": {**_KARORYFER, "files": ["Programs/Sax1.sfz"], "lowest": 49, "highest": 80},
    "utau-yuki": {"licence": "public domain", "attribution": "UTAU-Yuki, kgs233"},
    "hust-solfege": _SOLFEGE,
    "nit-song070": {
        "licence": "CC-BY-3.0",
        "attribution": "NIT SONG070 F001, Nagoya Institute of Technology",
        "files": ["**/*_00[47].wav"], "sung": True, "takes": 2,
    },
    "vocadito": {
        "licence": "CC-BY-4.0",
        "attribution": "Vocadito, R. Bittner and others, doi 10.5281/zenodo.5578807",
        "sung": True, "a_voice_each": True, "takes": 4,
    },
    "hust-solfege-held-out": {**_SOLFEGE, "held_out": True},
    "dc_tts": {
        "licence": "Apache-2.0", "attribution": "dc_tts recordings, Philipp Matthes",
        "files": ["**/wavs/*.wav"],
    },
    "kathleen": {
        "licence": "CC0-1.0", "attribution": "dataset-voice-kathleen, Rhasspy",
        "files": ["data/*.wav"],
    },
    "nathalie": {
        "licence": "CC0-1.0", "attribution": "dataset-voice-nathalie, Rhasspy",
        "files": ["verified/*.flac"],
    },
    "ohf-voices": {
        "licence": "CC0-1.0", "attribution": "OHF-Voice voice datasets, their speakers",
        "files": ["**/*.mp3"], "a_voice_each": True,
    },
    "freedoom": {
        "licence": "BSD-3-Clause", "attribution": "music of Freedoom, contributors to Freedoom",
        "files": ["musics/*.mid"],
    },
    "holiznacc0": {
        "licence": "CC0-1.0", "attribution": "HoliznaCC0", "files": ["phonographs/*/*_ch0.ogg"],
    },
    "voxellibre-jukebox": {
        "licence": "CC0-1.0", "attribution": "music of VoxeLibre, VoxeLibre's authors",
        "files": ["phonographs/*_jukebox_track_[12347].ogg"],
    },
    "tannerhelland": {
        "licence": "CC-BY-4.0", "attribution": "Tanner Helland", "files": ["mp3/[!W]*.mp3"],
    },
    "josh-woodward": {
        "licence": "CC-BY-4.0", "attribution": "instrumental versions, Josh Woodward",
        "files": ["*.m4a"],
    },
    "gearhead-caramel": {
        "licence": "CC-BY-4.0, CC-BY-3.0 and public domain",
        "attribution": "music of GearHead Caramel, whose credits.md has the terms of each piece: "
        "Anthem of Rain, HoliznaCC0, Komiku, "
        "Kevin MacLeod, Alexander Nakarada, Alexandr Zhelanov, Alena Smirnova, Doctor Turtle, "
        "Dub Alta Fidelidad, MachinimaSound, Monkey Warhol, Mr Smith, Origami Repetika, "
        "softmartin, airtone, Techtheist, TRG Banks, UltraCat, Yoitrax",
        "files": [f"music/{tracks}*.ogg" for tracks in _VOICELESS_TRACKS],
    },
    "sectoid": _SECTOID,
    "sectoid-guitars": {**_SECTOID, "target": "other"},
    "direct-guitars": {**_DIRECT, "target": "other", "files": ["* - Guitar.wav"]},
    "direct-basses": {**_DIRECT, "target": "bass", "files": ["* - Bass.wav"]},
    "ax-grinder": {
        "licence": "CC-BY-3.0", "attribution": "power chords, Ax_Grinder, freesound.org",
        "target": "other", "files": ["*.wav"],
    },
    "waivops-drums": {
        "licence": "CC-BY-4.0", "attribution": "WaivOps, Patchbanks", "target": "drums",
        "files": ["**/examples/*.mp3"],
    },
    "holiznacc0-piano": {
        "licence": "CC0-1.0", "attribution": "HoliznaCC0", "target": "other",
        "files": ["phonographs/*/*-creppy-piano-*_ch0.ogg", "phonographs/*/*-06-*_ch0.ogg"],
    },
    "tannerhelland-piano": {
        "licence": "CC-BY-4.0", "attribution": "Tanner Helland", "target": "other",
        "files": ["mp3/Leaving Millie*.mp3", "mp3/Honky-Tonk*.mp3"],
    },
    "josh-woodward-piano": {
        "licence": "CC-BY-4.0", "attribution": "instrumental version, Josh Woodward",
        "target": "other", "files": ["audio_clasica_piano.m4a"],
    },
    "kimiko-ishizaka": {
        "licence": "CC0-1.0", "attribution": "Bach, played by Kimiko Ishizaka",
        "target": "other", "files": [f"{name}_*.ogg" for name in _OF_ISHIZAKA],
    },
    "robin-alciatore": {
        "licence": "public domain", "attribution": "Satie and Mozart, Robin Alciatore, Musopen",
        "target": "other", "files": ["satie_gymnopedie_1_*.ogg", "mozart_k545_*.ogg"],
    },
    "air-force-band": {
        "licence": "public domain",
        "attribution": "Clair de Lune, Wright Brass, U.S. Air Force Band of Flight",
        "target": "other", "files": ["*clair-de-lune-wright-brass.mp3"],
    },
    "army-strings": {
        "licence": "public domain", "attribution": "Hungarian Dance 5, U.S. Army Strings",
        "target": "other", "files": ["Hungarian_Dance*.hq.ogg"],
    },
    "macleod-orchestra": {
        "licence": "CC-BY-3.0", "attribution": "Kevin MacLeod",
        "target": "other", "files": [f"{piece}*.ogg" for piece in _OF_MACLEOD],
    },
    "oatsu-singing": {
        "licence": "MIT", "attribution": "my-singing-voice-database, oatsu", "target": "vocals",
        "files": ["**/*.flac"],
    },
    "sms-tools-singing": {
        "licence": "CC-BY-4.0", "attribution": "sounds of sms-tools, freesound.org",
        "target": "vocals", "files": ["*.wav"],
    },
    "josh-woodward-singing": {
        "licence": "CC-BY-4.0", "attribution": "Swansong and Crazy Glue, Josh Woodward",
        **_OUT_OF_SONGS,
    },
    "snowflake-singing": {
        "licence": "CC-BY-3.0", "attribution": "Living Nightmare, Snowflake",
        **_OUT_OF_SONGS,
    },
    "loveshadow-singing": {
        "licence": "CC-BY-3.0",
        "attribution": "Heart On Redial, Loveshadow with Mana Junkie and Airtone",
        **_OUT_OF_SONGS,
    },
    "army-chorus": {
        "licence": "public domain", "attribution": "Arirang, U.S. Army Chorus",
        **_OUT_OF_SONGS,
    },
    "kira": {
        "licence": "MIT", "attribution": "the music of Kira's examples, Andrew Minnich",
        "files": ["*.ogg"], "stems": {"drums": ["drums.ogg"], "bass": ["bass.ogg"]},
    },
    **{f"everything-is-free-{song}": _of_album(song) for song in _ALBUM},
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Source:
    """One source on disk; `lowest` and `highest` are the pitches that its samples cover, `stems`
    the names of a multitrack's files by target, `target` what a solo is of, `sung` voices sing
    already, `takes` how often a solo is heard, `direct` that it lacks its amplifier."""

    kind: str
    name: str
    files: tuple[Path, ...]
    licence: str
    attribution: str
    held_out: bool = False
    lowest: int = 0
    highest: int = 127
    sung: bool = False
    target: str | None = None
    takes: int = 1
    direct: bool = False
    stems: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @property
    def solo_of(self) -> str | None:
        """The target that each file holds alone; voices that sing are solos, too."""
        return "vocals" if self.sung else self.target

    @property
    def is_dry(self) -> bool:
        """Each take of it as a solo goes through other effects."""
        return self.direct or self.kind == VOICES


def find_sources(root: Path) -> list[Source]:
    """All sources below `root`, by kind and name. Raises InvalidOption for one without terms, or
    where two are of one name."""
    found = []
    for kind in SUFFIXES:
        folders = sorted((root / kind).iterdir()) if (root / kind).is_dir() else []
        found += [source for f in folders if f.is_dir() for source in _sources(kind, f)]
    if not found:
        raise InvalidOption(
            f"sources in {root}",
            expected=f"folders {' | '.join(SUFFIXES)} with a folder for each source",
            got="none of them",
        )
    _check_names(found)
    return found


def _check_names(sources: Sequence[Source]) -> None:
    """Raises InvalidOption where two are of one name: songs name by it whom to credit."""
    kinds: dict[str, str] = {}
    for source in sources:
        if kinds.setdefault(source.name, source.kind) != source.kind:
            raise InvalidOption(
                "sources",
                expected="another name for each, whatever its kind",
                got=f"{kinds[source.name]}/{source.name} and {source.kind}/{source.name}",
                remedy="rename one of their folders",
            )


def of_split(sources: Sequence[Source], split: str) -> list[Source]:
    """What plays in `train` or `valid`. Where nothing of a kind is held out it serves both, but
    for scores: a song that is validated has none that is trained on."""
    if split == "train":
        return [source for source in sources if not source.held_out]
    kinds = {MIDI, *(source.kind for source in sources if source.held_out)}
    return [source for source in sources if source.held_out or source.kind not in kinds]


def _sources(kind: str, folder: Path) -> list[Source]:
    """One of a folder, or one of each of its files."""
    terms_file = folder / TERMS_FILE
    terms = json.loads(terms_file.read_text()) if terms_file.exists() else KNOWN.get(folder.name)
    if terms is None or not {"licence", "attribution"} <= set(terms):
        raise InvalidOption(
            f"source {folder}",
            expected="known terms",
            got="no licence and attribution",
            remedy=f"write them into {TERMS_FILE} beside it, or take the folder away",
        )
    if kind == SOLOS and terms.get("target") not in TARGETS:
        raise InvalidOption(
            f"source {folder}",
            expected=f"target: {' | '.join(TARGETS)}",
            got=terms.get("target"),
            remedy=f"write it into {TERMS_FILE} beside it",
        )
    terms = dict(terms)
    patterns = terms.pop("files", [f"**/*{SUFFIXES[kind]}"])
    files = tuple(sorted({path for pattern in patterns for path in folder.glob(pattern)}))
    if not files:
        raise InvalidOption(f"source {folder}", expected=", ".join(patterns), got="no such files")
    parts = [(file,) for file in files] if terms.pop("a_voice_each", False) else [files]
    return [Source(kind, folder.name, part, **terms) for part in parts]
