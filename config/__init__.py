"""Wiring only: settings, addresses, Celery, WSGI. The top room; nothing imports it."""

from config.celery import app as celery_app

__all__ = ["celery_app"]
