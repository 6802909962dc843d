"""Ray: a local node of two CPUs. What it knows is in memory: a head that dies forgets the run."""

import logging
import os
import subprocess
import sys

os.environ["RAY_DEDUP_LOGS"] = "0"
os.environ["RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO"] = "0"
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
sys.path.insert(1, os.path.join(os.path.dirname(__file__), ".."))
# The folder of this file would hide the package of the same name.
sys.path.pop(0)

import ray
from peer import SMALL, WIDTH, layered, measure, resident, say

ray.init(
    num_cpus=2,
    include_dashboard=False,
    logging_level=logging.ERROR,
    _node_ip_address="127.0.0.1",
    object_store_memory=500_000_000,
)
say(system=f"Ray {ray.__version__}", durability="none: tasks and results are in memory")


@ray.remote
def noop(*_):
    return 1


def fan(count):
    assert sum(ray.get([noop.remote() for _ in range(count)])) == count


def chain(count):
    task = noop.remote()
    for _ in range(count - 1):
        task = noop.remote(task)
    ray.get(task)


def layers():
    before = []
    for layer in layered():
        before = [noop.remote(*[before[it] for it in needs]) for needs in layer]
    assert sum(ray.get(before)) == WIDTH


def start_small():
    tasks = []
    for needs in SMALL:
        tasks.append(noop.remote(*[tasks[it] for it in needs]))
    return tasks[-1]


measure(
    fan,
    chain,
    layers,
    burst=lambda count: ray.get([start_small() for _ in range(count)]),
    small=lambda: ray.get(start_small()),
    one=lambda: ray.get(noop.remote()),
)
for name in ("raylet/raylet", "gcs_server"):
    found = subprocess.run(["pgrep", "-f", name], capture_output=True, text=True).stdout.split()
    say(memory=name.split("/")[-1], mib=sum(resident(pid) for pid in found))
ray.shutdown()
