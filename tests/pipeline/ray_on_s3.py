"""A whole run on a Ray of its own, in a process of its own; prints what the test looks at."""

import json
import signal
import sys

from song_folder import CHECKPOINT, ONE_TARGET

from flows.catalog_run import Progress, RunConfig, run_catalog


def handler(signum: int, frame: object) -> None:
    sys.exit(3)


def main(bucket: str) -> None:
    signal.signal(signal.SIGTERM, handler)
    kept: list[bool] = []

    def look(progress: Progress) -> None:
        kept.append(signal.getsignal(signal.SIGTERM) is handler)

    config = RunConfig(
        sources=(f"{bucket}/in",),
        dest=f"{bucket}/out",
        checkpoint=f"{bucket}/models/{CHECKPOINT.name}",
        song=ONE_TARGET,
        precision="float32",
        workers=2,
    )
    report = run_catalog(config, on_progress=look)
    facts = {"report": report.to_dict(), "handler_kept": bool(kept) and all(kept)}
    print(json.dumps(facts))


if __name__ == "__main__":
    main(sys.argv[1])
