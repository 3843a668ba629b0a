"""A broker that is down costs a page no time."""

import os
import subprocess
import sys
import time

from django.conf import settings


def test_publishing_to_a_broker_that_is_down_gives_up_at_once():
    code = (
        "import django; django.setup()\n"
        "import time\n"
        "from celery import current_app\n"
        "began = time.monotonic()\n"
        "try:\n"
        "    current_app.send_task('jobs.tasks.run_job', (1,), retry=False)\n"
        "except Exception as error:\n"
        "    print(type(error).__name__, time.monotonic() - began)\n"
    )
    environment = {**os.environ, "REDIS_URL": "redis://127.0.0.1:9/0", "DJANGO_SETTINGS_MODULE": "config.settings"}
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=settings.BASE_DIR, env=environment, capture_output=True, text=True, check=True
    )
    name, seconds = done.stdout.split()
    assert name == "OperationalError"
    assert float(seconds) < 2
    assert time.monotonic() - began < 30
