"""`lasaft-stems plan`: what a run with the same options would do.

Opens no source object and writes nothing.
"""

import argparse

from flows.catalog_job import CatalogJob
from flows.commands.catalog_settings import run_config
from flows.commands.console import say, say_json
from flows.reporting import plan_facts, plan_lines


def run(arguments: argparse.Namespace) -> int:
    job = CatalogJob(run_config(arguments))
    job.check(writes=False)
    job.make_plan()
    if arguments.json:
        tracks = [{"source": t.object.uri, "action": t.action} for t in job.plan.tracks]
        facts = plan_facts(job.plan, job.estimate, job.config.workers)
        say_json({**facts, "to_do": tracks})
        return 0
    for line in plan_lines(job.plan, job.estimate, job.config.workers):
        say(line)
    return 0
