"""What an inspector has learnt of a container."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ContainerFacts:
    """`frames` is what decoding must reach, less `slack_frames`; None: the decoder knows best.

    `start` is where MPEG audio begins behind tags and junk.
    `needs_libav`: libsndfile would misread this (healthy) variant of a format it knows.
    """

    is_known: bool = True
    needs_libav: bool = False
    frames: int | None = None
    slack_frames: int = 0
    start: int = 0
