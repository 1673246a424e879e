"""`lasaft-stems separate`: songs into a local folder, one after the other, in this process."""

import argparse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from flows.addresses import check_address
from flows.commands.console import complain, say, say_json
from flows.commands.song_settings import song_options
from flows.local_copies import local_copy
from flows.progress import AudioProgress, audio_progress
from flows.song_folders import claim_folder, fill_folder, song_name
from lasaft_core.audio.reader import open_audio
from lasaft_core.catalog.identity import SEPARATION_VERSION
from lasaft_core.errors import InvalidOption, LasaftError
from lasaft_core.fast.compilation import COMPILE_AFTER_SECONDS
from lasaft_core.separator import Separator
from lasaft_core.song import SongOptions, SongResult, separate_song
from lasaft_core.storage import canonical_uri


@dataclass(frozen=True, slots=True)
class Separated:
    """One finished song."""

    source_uri: str
    folder: Path
    stems: dict[str, Path]
    result: SongResult

    def to_dict(self) -> dict[str, object]:
        return {
            "source": self.source_uri,
            "folder": str(self.folder),
            "stems": {target: str(path) for target, path in self.stems.items()},
            "duration_seconds": self.result.audio.duration_seconds,
            "common_gain_db": self.result.common_gain_db,
            "reconstruction_db": self.result.reconstruction_db,
            "seconds": dict(self.result.seconds),
        }


def run(arguments: argparse.Namespace) -> int:
    options = song_options(arguments)
    for song in arguments.songs:
        check_address("SONG", song)
    check_address("--checkpoint", arguments.checkpoint)
    uris = [canonical_uri(song) for song in arguments.songs]
    out = _output_folder(arguments.out)
    done: list[Separated] = []
    failures: list[dict[str, str]] = []
    with audio_progress() as progress:
        separator = Separator.load(
            arguments.checkpoint,
            device=arguments.device,
            precision=arguments.precision,
            compile_after_seconds=COMPILE_AFTER_SECONDS,
        )
        options.select_targets(separator)
        songs = SongSeparation(separator, options, out, progress)
        for song, uri in zip(arguments.songs, uris, strict=True):
            try:
                done.append(songs.separate(uri))
            except Exception as error:  # noqa: BLE001  the per-track boundary
                failures.append({"source": song, "error": str(error), "type": _kind(error)})
                with progress.aside():
                    complain(f"{song}: {_told(error)}")
                continue
            if not arguments.json:
                with progress.aside():
                    say(str(done[-1].folder))
    if arguments.json:
        say_json({"songs": [song.to_dict() for song in done], "failures": failures})
    return int(bool(failures))


class SongSeparation:
    """Separates into a private folder beside the final one and moves whole songs only."""

    def __init__(
        self, separator: Separator, options: SongOptions, out: Path, progress: AudioProgress
    ) -> None:
        self._separator, self._options = separator, options
        self._out, self._progress = out, progress

    def separate(self, uri: str) -> Separated:
        with TemporaryDirectory(prefix=".separating-", dir=self._out) as scratch:
            path, content_sha256 = local_copy(uri, Path(scratch))
            made = Path(scratch) / "stems"
            made.mkdir()
            with self._reporting(uri, path) as report:
                result = separate_song(
                    self._separator,
                    path,
                    made,
                    self._options,
                    scratch_dir=Path(scratch),
                    progress=report,
                )
            folder = claim_folder(self._out, uri, content_sha256)
            fill_folder(folder, made, self._record(uri, content_sha256, result))
        stems = {stem.target: folder / stem.path.name for stem in result.stems}
        return Separated(uri, folder, stems, result)

    @contextmanager
    def _reporting(self, uri: str, path: Path) -> Iterator[Callable[[float], None]]:
        with open_audio(path) as audio:
            total_seconds = audio.info.duration_seconds
        name = song_name(uri)
        self._progress.update(0.0, total_seconds, note=name)
        yield lambda seconds: self._progress.update(seconds, total_seconds, note=name)

    def _record(self, uri: str, content_sha256: str, result: SongResult) -> dict[str, object]:
        """For `track.json`."""
        return {
            "source_uri": uri,
            "content_sha256": content_sha256,
            "model_name": self._separator.model_name,
            "weights_sha256": self._separator.weights_sha256,
            "separation_version": SEPARATION_VERSION,
            "precision": self._separator.precision,
            "options": asdict(self._options),
            "common_gain_db": result.common_gain_db,
            "stems": {
                stem.path.name: {"target": stem.target, "sha256": stem.sha256}
                for stem in result.stems
            },
        }


def _told(error: Exception) -> str:
    """An error of ours speaks for itself; any other needs its name."""
    return str(error) if isinstance(error, LasaftError) else f"{_kind(error)}: {error}"


def _kind(error: Exception) -> str:
    return type(error).__name__


def _output_folder(out: str) -> Path:
    if "://" in out:
        remedy = "use `lasaft-stems run --dest` to write to a store"
        raise InvalidOption("--out", expected="a local folder", got=out, remedy=remedy)
    try:
        Path(out).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InvalidOption(
            "--out", expected="a folder that can be written", got=f"{out} ({error.strerror})"
        ) from error
    return Path(out)
