"""A report names the worst and counts all, however many there are."""

from flows.reporting import FAILURES_SHOWN, failure_rows, report_lines, report_markdown
from flows.run_records import RunReport
from flows.tally import MAX_FAILURES_LISTED, Tally
from lasaft_core.catalog.plan import Plan
from lasaft_core.catalog.rows import TrackRow
from ray_actors.messages import TrackResult


def report_of(*kinds: tuple[str, str, int]) -> RunReport:
    """Of so many songs that ended with each status and reason, in this order."""
    tally = Tally(Plan((), done=0), [], RunReport("run", planned={}))
    for status, reason, count in kinds:
        for number in range(count):
            row = TrackRow(
                source_uri=f"s3://b/{reason}-{number}",
                source_etag="e",
                source_bytes=1,
                status=status,
                reason=reason,
                model_fingerprint="f",
            )
            tally.add(TrackResult(row))
    return tally.report(None)


def test_many_skipped_songs_hide_no_failure():
    report = report_of(
        ("skipped", "unsupported_channels", 1000),
        ("failed", "store_unavailable", 1200),
        ("quarantined", "worker_lost", 3),
    )

    assert len(report.failures) == MAX_FAILURES_LISTED
    assert [failure.status for failure in report.failures[:4]] == ["quarantined"] * 3 + ["failed"]
    assert [row["status"] for row in failure_rows(report)[:4]] == ["quarantined"] * 3 + ["failed"]
    counts = {"store_unavailable": 1200, "unsupported_channels": 1000, "worker_lost": 3}
    assert list(report.to_dict()["reasons"].items()) == list(counts.items())
    assert "store\\_unavailable | 1200 |" in report_markdown(report)
    lines = report_lines(report)
    assert lines[-FAILURES_SHOWN - 1].startswith("quarantined worker_lost: ")
    assert lines[-1] == "... and 2103 more, see `lasaft-stems status`"


def test_few_songs_without_stems_are_all_named():
    report = report_of(("skipped", "too_long", 1), ("failed", "not_audio", 1))

    assert [failure.reason for failure in report.failures] == ["not_audio", "too_long"]
    assert report.reasons == {"too_long": 1, "not_audio": 1}
    assert report_lines(report)[-1].startswith("skipped too_long: ")
