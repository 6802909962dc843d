"""What every peer written in Python measures, and how it is told: one JSON object a line.

    {"system": "Ray 2.60.0", "durability": "…"}           who speaks
    {"shape": "fan-1000", "seconds": [0.31]}             once, submission to all results known
    {"shape": "one", "each_ms": [1.2, 1.1, …]}            the same graph again and again, each timed
    {"memory": "gcs_server", "mib": 71}                   resident at the end

The shapes to measure come on stdin, one a line and as often as each is to be run; one that cannot be run is
answered by its name alone.
"""

import json
import random
import sys
import time
from concurrent.futures import ThreadPoolExecutor

LAYERS, WIDTH, DEPENDENCIES = 20, 200, 3
# a; b and c need a; d needs both; e needs d.
SMALL = [[], [0], [0], [1, 2], [3]]


def say(**said):
    print(json.dumps(said), flush=True)


def layered():
    """Per layer and task, the tasks of the layer before that it needs."""
    lot = random.Random(7)
    first = [[] for _ in range(WIDTH)]
    return [first] + [
        [lot.sample(range(WIDTH), DEPENDENCIES) for _ in range(WIDTH)] for _ in range(LAYERS - 1)
    ]


def resident(pid):
    """Resident MiB of a process."""
    with open(f"/proc/{pid}/status") as status:
        line = next(line for line in status if line.startswith("VmRSS"))
    return int(line.split()[1]) // 1024


def seconds(run):
    begun = time.perf_counter()
    run()
    return time.perf_counter() - begun


def at_once(count, under_way, one):
    """Milliseconds of each of `count` calls, `under_way` at once."""
    with ThreadPoolExecutor(under_way) as threads:
        return list(threads.map(lambda _: seconds(one) * 1000, range(count)))


def measure(fan, chain, layers, burst, small, one):
    """Runs the shapes asked for, until nobody asks any more.

    `fan(n)`, `chain(n)`, `layers()`, `burst(n)`: run so many tasks, layers or small graphs and wait
    for all; `small()`, `one()`: run one small graph or task.
    """
    fan(100)
    for line in sys.stdin:
        shape = line.strip()
        kind, _, size = shape.partition("-")
        whole = {"fan": fan, "chain": chain, "layered": lambda _: layers(), "burst": burst}
        if kind in whole:
            size = 0 if kind == "layered" else int(size)
            say(shape=shape, seconds=[seconds(lambda: whole[kind](size))])
        elif shape == "small":
            say(shape=shape, each_ms=at_once(300, 10, small))
        elif shape == "one":
            each = []
            for _ in range(200):
                each.append(seconds(one) * 1000)
                time.sleep(0.005)
            say(shape=shape, each_ms=each)
        else:
            say(shape=shape)
