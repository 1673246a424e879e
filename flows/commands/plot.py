"""`lasaft-stems plot`: what a network has learned, or what it makes of a song, as a picture."""

import argparse
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from flows.commands.console import say
from flows.local_copies import local_copy
from flows.song_folders import song_name
from lasaft_core.audio.blocks import Block
from lasaft_core.errors import InvalidOption, TrackError
from lasaft_core.plain_text import one_line
from lasaft_core.plots.excerpts import Span, read_excerpt, separate_excerpt
from lasaft_core.plots.pictures import picture_path, write_picture
from lasaft_core.plots.stem_folder import stem_paths
from lasaft_core.storage import canonical_uri

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Sounds = dict[str, tuple[Block, int]]


def run(arguments: argparse.Namespace) -> int:
    path = picture_path(arguments.out)
    write_picture(_DRAWINGS[arguments.kind](arguments), path)
    say(str(path))
    return 0


def _draw_weights(arguments: argparse.Namespace) -> "Figure":
    from lasaft_core.checkpoints import load_checkpoint  # noqa: PLC0415  torch
    from lasaft_core.plots.patterns import MOST_BINS, Cut, frequency_patterns  # noqa: PLC0415
    from lasaft_core.plots.weight_figure import draw_weights  # noqa: PLC0415

    checkpoint = load_checkpoint(arguments.checkpoint)
    finer = 2 if len(arguments.block) == 1 else 1
    patterns = frequency_patterns(
        checkpoint.build(),
        blocks=arguments.block,
        view=arguments.view,
        cut=Cut(arguments.max_hz, MOST_BINS * finer),
    )
    what = "frequency patterns" if arguments.view == "map" else "weights of the linear layers"
    return draw_weights(patterns, one_line(f"{checkpoint.name}: {what}"))


def _draw_attention(arguments: argparse.Namespace) -> "Figure":
    from lasaft_core.checkpoints import load_checkpoint  # noqa: PLC0415  torch
    from lasaft_core.plots.attention import latent_attention  # noqa: PLC0415
    from lasaft_core.plots.attention_figure import draw_attention  # noqa: PLC0415

    checkpoint = load_checkpoint(arguments.checkpoint)
    attention = latent_attention(checkpoint.build(), blocks=arguments.block)
    heading = one_line(f"{checkpoint.name}: attention of the targets")
    return draw_attention(attention, checkpoint.config.targets, heading)


def _draw_spectrogram(arguments: argparse.Namespace) -> "Figure":
    from lasaft_core.plots.spectrogram_figure import draw_spectrograms  # noqa: PLC0415

    span = Span(arguments.start, arguments.seconds)
    uri = canonical_uri(arguments.song)
    with TemporaryDirectory(prefix="lasaft-plot-") as scratch:
        try:
            song, content_sha256 = local_copy(uri, Path(scratch))
        except TrackError as error:
            raise InvalidOption(f"song {arguments.song}", got=error) from error
        if arguments.stems is not None:
            paths = {"mixture": song, **stem_paths(Path(arguments.stems), content_sha256)}
            sounds = _read_stems(paths, span)
            made_by = one_line(arguments.stems)
        else:
            sounds, made_by = _separated_stems(song, arguments, span)
    return draw_spectrograms(
        sounds,
        one_line(f"{song_name(uri)}, separated by {made_by}"),
        start_seconds=span.start,
        scale=arguments.frequency,
    )


def _read_stems(paths: dict[str, Path], span: Span) -> Sounds:
    excerpts = {name: read_excerpt(path, span) for name, path in paths.items()}
    return {name: (excerpt.part, excerpt.sample_rate) for name, excerpt in excerpts.items()}


def _separated_stems(song: Path, arguments: argparse.Namespace, span: Span) -> tuple[Sounds, str]:
    from lasaft_core.models import NetworkConfig  # noqa: PLC0415  torch
    from lasaft_core.separator import Separator  # noqa: PLC0415

    separator = Separator.load(arguments.checkpoint, device=arguments.device)
    config = NetworkConfig.from_dict(separator.network_config)
    context = config.context_samples / config.sample_rate
    excerpt = read_excerpt(song, Span(span.start, span.length, context))
    stems = {"mixture": excerpt.part, **separate_excerpt(separator, excerpt)}
    return {name: (audio, excerpt.sample_rate) for name, audio in stems.items()}, one_line(
        separator.model_name
    )


_DRAWINGS: dict[str, Callable[[argparse.Namespace], "Figure"]] = {
    "weights": _draw_weights,
    "attention": _draw_attention,
    "spectrogram": _draw_spectrogram,
}
