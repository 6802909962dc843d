"""Celery on Redis with an append-only file: two processes, acks late, 64 fetched ahead.

A canvas cannot say "needs three tasks of the layer before": layers wait for whole layers here.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time

here = os.path.dirname(os.path.abspath(__file__))
sys.path = [os.path.join(here, ".."), *sys.path[1:], here]

import celery
from peer import LAYERS, WIDTH, measure, resident, say

PORT = "16379"
os.environ["REDIS"] = f"redis://127.0.0.1:{PORT}"
folder = tempfile.mkdtemp()
redis = subprocess.Popen(
    ["redis-server", "--port", PORT, "--bind", "127.0.0.1", "--dir", folder, "--save", ""]
    + ["--appendonly", "yes", "--appendfsync", "everysec"],
    stdout=subprocess.DEVNULL,
)
time.sleep(1)
worker = subprocess.Popen(
    [sys.executable, "-m", "celery", "-A", "app", "worker", "-c", "2", "-l", "ERROR"]
    + ["--without-gossip", "--without-mingle", "--without-heartbeat"],
    cwd=here,
    stdout=subprocess.DEVNULL,
    stderr=subprocess.DEVNULL,
)
say(system=f"Celery {celery.__version__}", durability="Redis, append-only file forced every second")

from app import noop


def fan(count):
    assert sum(celery.group(noop.si() for _ in range(count)).apply_async().join_native()) == count


def layers():
    for _ in range(LAYERS):
        celery.group(noop.si() for _ in range(WIDTH)).apply_async().join_native(timeout=60)


def start_small():
    middle = celery.chord([noop.si(), noop.si()], noop.si())
    return celery.chain(noop.si(), middle, noop.si()).apply_async()


def burst(count):
    for started in [start_small() for _ in range(count)]:
        started.get(timeout=300)


try:
    noop.delay().get(timeout=30)
    measure(
        fan,
        lambda count: celery.chain(*[noop.si() for _ in range(count)]).apply_async().get(interval=0.002),
        layers,
        burst,
        small=lambda: start_small().get(),
        one=lambda: noop.delay().get(interval=0.002),
    )
    say(memory="redis-server", mib=resident(redis.pid))
finally:
    worker.terminate()
    worker.wait()
    redis.terminate()
    redis.wait()
    shutil.rmtree(folder, ignore_errors=True)
os._exit(0)
