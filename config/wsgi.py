"""The web server's entry."""

import os

from django.core.wsgi import get_wsgi_application

from config.request_bodies import LimitedBodies

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
application = LimitedBodies(get_wsgi_application())

from jobs.alerts import watch  # noqa: E402 - its models are there once the application is

watch.start()
