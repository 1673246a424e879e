"""`lasaft-stems evaluate`: a network by the papers' protocol, beside the mixture and an oracle."""

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from flows.commands.console import complain, say, say_json
from flows.progress import audio_progress
from lasaft_core.checkpoints import Checkpoint, load_checkpoint
from lasaft_core.errors import InvalidOption
from lasaft_core.estimator import resolve_device, resolve_precision
from lasaft_core.evaluation.bsseval import museval_metrics
from lasaft_core.evaluation.records import Records
from lasaft_core.evaluation.report import draw_boxes, song_table, summary_table
from lasaft_core.evaluation.scores import NETWORK, Scores
from lasaft_core.evaluation.summary import Summary, summarise
from lasaft_core.musdb import Song, find_songs
from lasaft_core.plain_text import one_line
from lasaft_core.plots.pictures import picture_path, write_picture
from ray_actors.evaluation import EvaluationSettings, ScoredSong, score_here, score_on_ray


def run(arguments: argparse.Namespace) -> int:
    museval_metrics()  # wrong use is told before any work
    out = Path(arguments.out)
    picture = picture_path(str(out / "boxplot.png"))
    songs = find_songs(Path(arguments.data), arguments.split)[: arguments.limit]
    checkpoint = load_checkpoint(arguments.checkpoint)
    _check_rates(songs, checkpoint)
    settings = _settings(arguments)
    records = Records(out, _identity(checkpoint, settings))
    known = {song.name: records.read(song.name) for song in songs}
    missing = [song for song in songs if known[song.name] is None]
    failures = _score(missing, settings, arguments, records)
    scores = {song.name: found for song in songs if (found := records.read(song.name))}
    if scores:
        summary = summarise(scores)
        heading = one_line(f"{checkpoint.name}, {_counted(scores)}")
        write_picture(draw_boxes(scores, heading), picture)
        _write_tables(out, heading, summary, scores)
        _tell(arguments, summary, scores, failures)
    return int(bool(failures))


def _settings(arguments: argparse.Namespace) -> EvaluationSettings:
    if not 0.0 <= arguments.overlap <= 0.5:
        raise InvalidOption("--overlap", expected="0 to 0.5", got=arguments.overlap)
    device = resolve_device(arguments.device)
    return EvaluationSettings(
        checkpoint=arguments.checkpoint,
        device=device,
        precision=resolve_precision(arguments.precision, device),
        overlap=arguments.overlap,
    )


def _identity(checkpoint: Checkpoint, settings: EvaluationSettings) -> dict[str, object]:
    return {
        "weights_sha256": checkpoint.sha256,
        "overlap": settings.overlap,
        "precision": settings.precision,
    }


def _check_rates(songs: Sequence[Song], checkpoint: Checkpoint) -> None:
    rate = checkpoint.config.sample_rate
    for song in songs:
        if song.sample_rate != rate:
            raise InvalidOption(
                f"song {song.name}", expected=f"{rate} Hz", got=f"{song.sample_rate} Hz"
            )


def _score(
    songs: Sequence[Song],
    settings: EvaluationSettings,
    arguments: argparse.Namespace,
    records: Records,
) -> dict[str, str]:
    """Measures and records; the errors of songs that failed."""
    failures: dict[str, str] = {}
    total = sum(song.num_samples / song.sample_rate for song in songs)
    done = 0.0
    with audio_progress() as progress:
        for result in _results(songs, settings, arguments):
            done += result.song.num_samples / result.song.sample_rate
            progress.update(done, total, note=one_line(result.song.name))
            if result.scores is None:
                failures[result.song.name] = str(result.error)
                with progress.aside():
                    complain(f"{result.song.name}: {result.error}")
            else:
                records.write(result.song.name, result.scores)
    return failures


def _results(
    songs: Sequence[Song], settings: EvaluationSettings, arguments: argparse.Namespace
) -> Iterator[ScoredSong]:
    if not songs:
        return iter(())
    if arguments.executor == "inline":
        return score_here(songs, settings)
    return score_on_ray(
        songs,
        settings,
        workers=arguments.workers,
        gpus_per_worker=arguments.gpus_per_worker,
        cpus_per_worker=arguments.cpus_per_worker,
    )


def _write_tables(out: Path, heading: str, summary: Summary, scores: Mapping[str, Scores]) -> None:
    text = (
        f"# {heading}\n\nDecibels; medians over frames of a second, then over songs (BSSEval v4).\n"
        f"\n{summary_table(summary)}\n## SDR of each song\n\n{song_table(scores, NETWORK)}"
    )
    (out / "scores.md").write_text(text)
    facts = {"network": heading, "summary": summary, "songs": scores}
    (out / "scores.json").write_text(json.dumps(facts))


def _tell(
    arguments: argparse.Namespace,
    summary: Summary,
    scores: Mapping[str, Scores],
    failures: Mapping[str, str],
) -> None:
    if arguments.json:
        say_json({"summary": summary, "songs": len(scores), "failures": failures})
        return
    for line in summary_table(summary).splitlines():
        say(line)
    say(f"{_counted(scores)}, in {arguments.out}: scores.md, scores.json, boxplot.png")


def _counted(scores: Mapping[str, Scores]) -> str:
    return f"{len(scores)} song{'' if len(scores) == 1 else 's'}"
