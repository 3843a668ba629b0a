"""Celery: run_job(job_id), and what beat sends (the tick, the nightly comparison, the look at columns); see settings.

No result backend (the Job row is the truth).
"""

import os

from celery import Celery
from kombu.transport import TRANSPORT_ALIASES

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

# Files of messages that are safe to kill in the middle of, in place of kombu's own.
TRANSPORT_ALIASES["filesystem"] = "jobs.folder:Transport"

app = Celery("tandem")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
# Threads of the web server publish too; without this they would get an app of their own, with another broker.
app.set_default()
