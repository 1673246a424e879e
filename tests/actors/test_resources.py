"""How machines are shared out among workers."""

import pytest

from lasaft_core.errors import InvalidOption
from ray_actors.resources import NodeResources, WorkerPlan, WorkerShare, plan_workers


def plan(*nodes: NodeResources, workers=None, gpus=0.0, tasks=1000, cpus=None) -> WorkerPlan:
    return plan_workers(
        nodes, workers=workers, gpus_per_worker=gpus, tasks=tasks, cpus_per_worker=cpus
    )


def test_a_small_machine_has_one_worker_with_all_of_it():
    assert plan(NodeResources(2)) == WorkerPlan(1, WorkerShare(2.0))


def test_a_large_machine_has_workers_of_four_cpus():
    assert plan(NodeResources(64)) == WorkerPlan(16, WorkerShare(4.0))


def test_never_more_workers_than_tracks():
    assert plan(NodeResources(64), tasks=3).count == 3
    assert plan(NodeResources(64), workers=10, tasks=3).count == 3


def test_a_run_of_one_track_asks_for_no_larger_share_than_one_of_many():
    nodes = (NodeResources(16),)

    assert plan(*nodes, workers=4, tasks=1) == WorkerPlan(1, WorkerShare(4.0))
    assert plan(*nodes, workers=4, tasks=100) == WorkerPlan(4, WorkerShare(4.0))


def test_a_number_of_workers_shares_the_cpus_of_every_node():
    nodes = (NodeResources(8), NodeResources(4))

    assert plan(*nodes, workers=3) == WorkerPlan(3, WorkerShare(4.0))


def test_more_workers_than_cpus_share_them():
    crowded = plan(NodeResources(2), workers=3)

    assert crowded == WorkerPlan(3, WorkerShare(0.66))
    assert crowded.share.threads == 1


def test_gpus_bound_the_workers():
    assert plan(NodeResources(64, gpus=2), gpus=1.0).count == 2
    assert plan(NodeResources(64, gpus=2), gpus=0.5).count == 4


def test_no_gpu_is_idle_for_want_of_cpus():
    assert plan(NodeResources(16, gpus=8), gpus=1.0) == WorkerPlan(8, WorkerShare(2.0, 1.0))


def test_more_gpus_than_there_are_is_refused():
    with pytest.raises(InvalidOption, match="at most 0, the GPUs of a node"):
        plan(NodeResources(8), gpus=1.0)


def test_with_workers_and_cpus_the_share_is_asked_for_whatever_nodes_there_are():
    eight = WorkerPlan(8, WorkerShare(4.0, 1.0))

    for nodes in ((), (NodeResources(0),), (NodeResources(4),)):
        assert plan(*nodes, workers=8, cpus=4.0, gpus=1.0) == eight
    assert plan(workers=8, cpus=4.0, tasks=3) == WorkerPlan(3, WorkerShare(4.0))


def test_with_cpus_alone_there_are_as_many_workers_as_fit():
    nodes = (NodeResources(16), NodeResources(7, gpus=1))

    assert plan(*nodes, cpus=3.0) == WorkerPlan(7, WorkerShare(3.0))
    assert plan(*nodes, cpus=3.0, gpus=1.0) == WorkerPlan(1, WorkerShare(3.0, 1.0))
    with pytest.raises(InvalidOption, match=r"at most 7, .* got 8; .*give --workers and"):
        plan(*nodes, cpus=8.0, gpus=1.0)


def test_a_cluster_without_nodes_says_what_would_make_it_grow():
    with pytest.raises(InvalidOption, match="give --workers and --cpus-per-worker"):
        plan(NodeResources(0), workers=8)


@pytest.mark.parametrize("workers", [1, 2, 3, 5, 7, 16])
@pytest.mark.parametrize("cpus", [(1,), (2,), (8, 3), (16, 16, 4)])
def test_the_planned_workers_fit(workers, cpus):
    nodes = [NodeResources(count) for count in cpus]
    planned = plan(*nodes, workers=workers)

    total = sum(node.fits(planned.share) for node in nodes)
    assert planned.count == workers
    assert total >= workers
