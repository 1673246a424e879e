"""Is a Prefect API configured: in the environment, a profile or a settings file?"""

import os
import urllib.error
import urllib.request

from lasaft_core.errors import UsageError

ANSWER_SECONDS = 10.0


def prefect_api_url() -> str | None:
    if "PREFECT_API_URL" in os.environ:
        return os.environ["PREFECT_API_URL"] or None
    from prefect.settings import get_current_settings  # noqa: PLC0415  slow to import

    return get_current_settings().api.url


def check_prefect_api(url: str) -> None:
    """Raises UsageError where nobody answers; any answer at all is taken for a server."""
    try:
        with urllib.request.urlopen(f"{url.rstrip('/')}/health", timeout=ANSWER_SECONDS):  # noqa: S310
            pass
    except urllib.error.HTTPError:
        return
    except (OSError, ValueError) as error:
        raise UsageError(
            f"no Prefect API answers at {url}",
            got=str(error),
            remedy="start one with `prefect server start`, or check or unset PREFECT_API_URL",
        ) from error
