"""A sweep on a Dask cluster: two worker processes on this machine, reached through joblib alone."""

import os

import joblib
import pytest

from talweg import data, experiments
from talweg.data import Dataset
from talweg.experiments import Config, Parts

distributed = pytest.importorskip("distributed", reason="the cluster of the test comes with the extra 'test'")
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    settings = dict(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, memory_limit="2GiB")
    folder = tmp_path_factory.mktemp("dask")
    with (
        distributed.LocalCluster(local_directory=str(folder), host="127.0.0.1", **settings) as cluster,
        distributed.Client(cluster) as client,
    ):
        client.wait_for_workers(2, timeout=60)
        yield client


def test_the_sweep_on_a_cluster_finds_what_one_process_finds(cluster):
    config = Config(seeds=3, tiny=True)
    here = experiments.run("optimizers", config)
    with joblib.parallel_config(backend="dask"):
        there = experiments.run("optimizers", config)
    assert there == here


def test_both_workers_take_part_and_this_process_does_not(cluster, tmp_path):
    def wait_and_tell(seconds):
        import time

        time.sleep(seconds)
        return os.getpid()

    parts = Parts(tmp_path / "p.json", {})
    with joblib.parallel_config(backend="dask"):
        workers = set(parts.each({str(k): (wait_and_tell, 0.1) for k in range(12)}).values())
    assert workers == set(cluster.run(os.getpid).values()) and len(workers) == 2 and os.getpid() not in workers
    assert len(Parts(tmp_path / "p.json", {}).done) == 12  # kept here, as without a cluster


def test_the_data_travel_to_the_cluster_once_not_with_each_task(cluster, monkeypatch):
    """Fails if Dask cannot see how large a data set is."""

    def rows(dataset, k):
        return len(dataset.x_train) + k

    sent = []
    monkeypatch.setattr(Dataset, "__getstate__", lambda self: sent.append(1) or self.__dict__.copy(), raising=False)
    digits = data.load(device="cpu")
    with joblib.parallel_config(backend="dask"):
        found = Parts(None, {}).each({str(k): (rows, digits, k) for k in range(10)})
    assert found == {str(k): 998 + k for k in range(10)}
    assert len(sent) <= 3
