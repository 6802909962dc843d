"""Dask distributed: a scheduler and two workers of one thread each. All is in memory."""

import os
import subprocess
import sys
import time

sys.path = [os.path.join(os.path.dirname(__file__), ".."), *sys.path[1:]]

import distributed
from distributed import Client
from peer import LAYERS, SMALL, WIDTH, layered, measure, resident, say

PORT = "18786"
quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}


def command(*words):
    return subprocess.Popen([sys.executable, "-m", "distributed.cli." + words[0], *words[1:]], **quiet)


scheduler = command("dask_scheduler", "--host", "127.0.0.1", "--port", PORT, "--no-dashboard", "--no-show")
time.sleep(3)
options = ["--nthreads", "1", "--nworkers", "1", "--no-dashboard", "--no-nanny", "--host", "127.0.0.1"]
workers = [command("dask_worker", f"tcp://127.0.0.1:{PORT}", *options) for _ in range(2)]
say(system=f"Dask {distributed.__version__}", durability="none: tasks and results are in memory")
counted = 0


def noop(*_):
    return 1


def layers():
    global counted
    counted += 1
    graph = {}
    for depth, layer in enumerate(layered()):
        for place, needs in enumerate(layer):
            needed = (f"{counted}-{depth - 1}-{it}" for it in needs)
            graph[f"{counted}-{depth}-{place}"] = (noop, *needed)
    ends = [f"{counted}-{LAYERS - 1}-{place}" for place in range(WIDTH)]
    assert sum(client.get(graph, ends)) == WIDTH


def chain(count):
    task = client.submit(noop, 0, pure=False)
    for _ in range(count - 1):
        task = client.submit(noop, task, pure=False)
    task.result()


def start_small():
    tasks = []
    for needs in SMALL:
        tasks.append(client.submit(noop, *[tasks[it] for it in needs], pure=False))
    return tasks[-1]


def fan(count):
    assert sum(client.gather(client.map(noop, range(count), pure=False))) == count


try:
    client = Client(f"tcp://127.0.0.1:{PORT}")
    client.wait_for_workers(2)
    measure(
        fan,
        chain,
        layers,
        burst=lambda count: client.gather([start_small() for _ in range(count)]),
        small=lambda: start_small().result(),
        one=lambda: client.submit(noop, 0, pure=False).result(),
    )
    say(memory="scheduler", mib=resident(scheduler.pid))
    client.close()
finally:
    for process in [*workers, scheduler]:
        process.kill()
        process.wait()
