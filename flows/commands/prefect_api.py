"""Is a Prefect API configured: in the environment, a profile or a settings file?"""

import os


def prefect_api_url() -> str | None:
    if "PREFECT_API_URL" in os.environ:
        return os.environ["PREFECT_API_URL"] or None
    from prefect.settings import get_current_settings  # noqa: PLC0415  slow to import

    return get_current_settings().api.url
