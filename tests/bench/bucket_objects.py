"""Many small objects in a bucket, quickly."""

import asyncio
import os

from aiobotocore.session import get_session
from synthetic_catalog import uri_of

AT_ONCE = 24


def make_objects(base, count):
    """`count` objects of one byte, as `uri_of(base, n)`."""
    asyncio.run(_make(base, count))


async def _make(base, count):
    bucket = base.removeprefix("s3://").partition("/")[0]
    numbers = iter(range(count))
    async with get_session().create_client(
        "s3", endpoint_url=os.environ["AWS_ENDPOINT_URL"]
    ) as client:

        async def put_some():
            for number in numbers:
                key = uri_of(base, number).removeprefix(f"s3://{bucket}/")
                await client.put_object(Bucket=bucket, Key=key, Body=b"x")

        await asyncio.gather(*(put_some() for _ in range(AT_ONCE)))
