"""`lasaft-stems serve`: offers the catalog run to a Prefect server until it is interrupted."""

import argparse
import sys

from flows.catalog_job import CatalogJob
from flows.commands.catalog_settings import run_config
from flows.commands.console import say
from flows.commands.prefect_api import check_prefect_api, prefect_api_url
from flows.credentials_block import credentials_of
from flows.deployments import catalog_deployments, check_names, serve_deployments
from flows.params import CatalogParameters
from lasaft_core.errors import UsageError


def run(arguments: argparse.Namespace) -> int:
    parameters = CatalogParameters.from_config(run_config(arguments)).model_copy(
        update={"credentials_block": arguments.credentials_block}
    )
    url = prefect_api_url()
    if not url:
        raise UsageError(
            "no Prefect API is configured",
            expected="PREFECT_API_URL",
            remedy="start one with `prefect server start` and set its address",
        )
    check_prefect_api(url)
    parameters = _checked(parameters)
    deployments = catalog_deployments(parameters, cron=arguments.cron, name=arguments.name)
    check_names(deployments, parameters.dest)
    names = " and ".join(deployment.full_name for deployment in deployments)
    say(f"serving {names} until Ctrl-C or SIGTERM")
    sys.stdout.flush()
    serve_deployments(deployments)
    return 0


def _checked(parameters: CatalogParameters) -> CatalogParameters:
    """What keeps a run from starting is told now, not at night. Addresses become canonical: a
    relative one would depend on where a run starts."""
    with credentials_of(parameters.credentials_block):
        job = CatalogJob(parameters.to_config())
        job.check()
    found = job.prepared.config
    return parameters.model_copy(update={"sources": list(found.sources), "dest": found.dest})
