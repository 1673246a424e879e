"""Plans and reports as people read them: terminal lines, Markdown, tables. Pure text."""

from collections.abc import Sequence

from flows.progress import clock
from flows.run_records import Failure, RunReport
from lasaft_core.catalog.estimate import Estimate
from lasaft_core.catalog.plan import Plan
from lasaft_core.plain_text import one_line

FAILURES_SHOWN = 100
_STOP_TEXT = {
    "max_hours": "stopped: the time limit was reached; the next run goes on from here",
    "failure_rate": "stopped: more songs failed than allowed",
    "cancelled": "stopped: cancelled; what was done is published",
}
_LEFT_TEXT = "left are songs that failed or were skipped before; --force failed tries them again"


def size(count: float) -> str:
    """1234567 -> "1.2 MB"."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if abs(count) < 1000:
            return f"{count:.0f} {unit}" if unit == "bytes" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def table(headings: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A Markdown table; what would break a cell or inject markup is defused."""
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join("| " + " | ".join(map(markdown, line)) + " |" for line in lines)


def markdown(value: object) -> str:
    """Text that stays text, on one line, inside Markdown."""
    text = one_line(" ".join(str(value).split()))
    for char in "\\|`<[]*_":
        text = text.replace(char, f"\\{char}")
    return text


def plan_facts(plan: Plan, estimate: Estimate, workers: int | None) -> dict[str, object]:
    return {
        "tracks": dict(plan.counts),
        "estimate": {
            "is_estimate": True,
            "basis": "stated default" if estimate.is_default else "past rows",
            "audio_seconds": estimate.audio_seconds,
            "output_bytes": estimate.output_bytes,
            "seconds": _seconds(estimate, workers),
            "workers": workers or 1,
        },
    }


def _seconds(estimate: Estimate, workers: int | None) -> float:
    return estimate.seconds / (workers or 1)


def plan_lines(plan: Plan, estimate: Estimate, workers: int | None) -> list[str]:
    basis = "defaults: too little past audio" if estimate.is_default else "past rows"
    time = clock(_seconds(estimate, workers))
    return [
        *(f"{action}: {tracks}" for action, tracks in plan.counts.items()),
        *([_LEFT_TEXT] if plan.left else []),
        f"audio: {estimate.audio_seconds / 3600:.2f} hours (estimate from {basis})",
        f"time: {time} (estimate for {workers or 1} workers)",
        f"output: {size(estimate.output_bytes)} (estimate)",
    ]


def plan_markdown(plan: Plan, estimate: Estimate, workers: int | None) -> str:
    lines = (f"- {line}" for line in plan_lines(plan, estimate, workers))
    return "\n".join(["# Plan", *lines])


def report_rows(report: RunReport) -> list[tuple[str, str]]:
    speed = report.audio_seconds / report.elapsed_seconds if report.elapsed_seconds else 0.0
    return [
        ("done", str(report.done)),
        ("skipped", str(report.skipped)),
        ("failed", str(report.failed)),
        ("quarantined", str(report.quarantined)),
        ("done before", str(report.planned.get("done", 0))),
        ("left as they were, without stems", str(report.planned.get("left", 0))),
        ("adopted from an earlier attempt", str(report.adopted)),
        *_others_rows(report),
        ("audio", f"{clock(report.audio_seconds)} ({speed:.1f} times real time)"),
        ("time", clock(report.elapsed_seconds)),
        ("source bytes read", size(report.source_bytes_read)),
        ("windows through the network", str(report.windows)),
        ("failure rate", f"{report.failure_rate:.1%}"),
    ]


def _others_rows(report: RunReport) -> list[tuple[str, str]]:
    """Only where other runs were at work."""
    rows = [
        ("done by another run meanwhile", report.done_elsewhere),
        ("left to another run that is at them", report.passed_over),
    ]
    return [(name, str(count)) for name, count in rows if count]


def stop_text(report: RunReport) -> str:
    """Why the run ended before its plan was done; empty where it did not."""
    if report.stopped and report.unpublished:
        return (
            f"stopped: {report.stopped}; the store did not answer, and {report.unpublished} "
            "finished songs have no rows yet: the next run takes over their stems"
        )
    return _STOP_TEXT[report.stopped] if report.stopped else ""


def report_lines(report: RunReport) -> list[str]:
    lines = [f"{name}: {value}" for name, value in report_rows(report)]
    shown = report.failures[:FAILURES_SHOWN]
    failures = [f"{f.status} {f.reason}: {f.source_uri}: {f.message}" for f in shown]
    stopped = [stop_text(report)] if report.stopped else []
    hidden = report.without_stems - len(shown)
    more = [f"... and {hidden} more, see `lasaft-stems status`"] if hidden > 0 else []
    return [*lines, *failures, *more, *stopped]


def report_markdown(report: RunReport) -> str:
    parts = ["# Report", table(("", ""), report_rows(report))]
    if report.stopped:
        parts.append(stop_text(report))
    if report.reasons:
        parts += [
            "## Songs without stems",
            table(("reason", "songs"), list(report.reasons.items())),
        ]
    return "\n\n".join(parts)


def failure_rows(report: RunReport) -> list[dict[str, str]]:
    """The worst first: quarantined, failed, skipped."""
    return [_shown(failure) for failure in report.failures[:FAILURES_SHOWN]]


def _shown(failure: Failure) -> dict[str, str]:
    return {
        "source": one_line(failure.source_uri),
        "status": failure.status,
        "reason": failure.reason,
        "message": one_line(failure.message),
    }
