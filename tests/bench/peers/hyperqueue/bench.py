"""HyperQueue: its server and two workers of one core. Each task is a process, `true`.

Its Python client looks once a second whether a job has ended, so it has no honest latency.
"""

import os
import sys

os.environ["TQDM_DISABLE"] = "1"
sys.path = [os.path.join(os.path.dirname(__file__), ".."), *sys.path[1:]]

import hyperqueue.ffi
from hyperqueue import Job, LocalCluster
from hyperqueue.cluster import WorkerConfig
from peer import SMALL, layered, measure, resident, say

say(
    system=f"HyperQueue {hyperqueue.ffi.get_version()}",
    durability="none without a journal; each task is a process",
)
cluster = LocalCluster()
for _ in range(2):
    cluster.start_worker(WorkerConfig(cores=1))
client = cluster.client()


def add(job, needs=()):
    return job.program(["/bin/true"], deps=list(needs), stdout=None, stderr=None)


def finish(*jobs):
    client.wait_for_jobs([client.submit(job) for job in jobs])


def fan(count):
    job = Job()
    for _ in range(count):
        add(job)
    finish(job)


def chain(count):
    job = Job()
    task = add(job)
    for _ in range(count - 1):
        task = add(job, [task])
    finish(job)


def layers():
    job, before = Job(), []
    for layer in layered():
        before = [add(job, [before[it] for it in needs]) for needs in layer]
    finish(job)


def small():
    job, tasks = Job(), []
    for needs in SMALL:
        tasks.append(add(job, [tasks[it] for it in needs]))
    return job


measure(
    fan,
    chain,
    layers,
    burst=lambda count: finish(*[small() for _ in range(count)]),
    small=lambda: finish(small()),
    one=lambda: fan(1),
)
say(memory="server and workers", mib=resident(os.getpid()))
cluster.stop()
