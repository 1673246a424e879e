"""Rows keep every column on their way through Arrow."""

from dataclasses import fields

import pyarrow as pa
import pytest
from track_rows import done_row, failed_row

from lasaft_core.catalog.rows import SCHEMA, AttemptRow, SecondsRow, StemRow, TagsRow, TrackRow


@pytest.mark.parametrize("row", [done_row("s3://b/a"), failed_row("s3://b/b")])
def test_a_row_comes_back_from_arrow_as_it_went(row: TrackRow) -> None:
    table = pa.Table.from_pylist([row.to_dict()], schema=SCHEMA)

    assert TrackRow.from_dict(table.to_pylist()[0]) == row


def test_the_schema_has_the_columns_of_the_rows_in_their_order() -> None:
    stem = SCHEMA.field("stems").type.value_type
    attempt = SCHEMA.field("attempts").type.value_type

    assert SCHEMA.names == [field.name for field in fields(TrackRow)]
    for struct, kind in [
        (stem, StemRow),
        (attempt, AttemptRow),
        (SCHEMA.field("tags").type, TagsRow),
        (SCHEMA.field("seconds").type, SecondsRow),
    ]:
        assert [struct.field(i).name for i in range(struct.num_fields)] == [
            field.name for field in fields(kind)
        ]


def test_an_unknown_status_is_refused() -> None:
    with pytest.raises(ValueError, match="'fine' is none of done, skipped, failed, quarantined"):
        failed_row("s3://b/a", status="fine")


@pytest.mark.parametrize("lost", [{"stems": ()}, {"content_sha256": None}, {"work_id": None}])
def test_a_done_row_without_its_stems_or_identity_is_refused(lost: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="a done row needs"):
        done_row("s3://b/a", **lost)
