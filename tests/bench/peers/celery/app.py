"""The Celery application that the worker and the client share."""

import os

from celery import Celery

redis = os.environ["REDIS"]
app = Celery("app", broker=f"{redis}/0", backend=f"{redis}/1")
app.conf.update(
    task_acks_late=True,
    worker_prefetch_multiplier=64,
    worker_send_task_events=False,
    result_expires=600,
    broker_pool_limit=20,
    redis_max_connections=200,
)


@app.task
def noop(*_):
    return 1
