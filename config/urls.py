"""The addresses: each room brings its own; a company's pages live below /c/<company>/."""

from importlib.util import find_spec

from django.apps import AppConfig
from django.conf import settings
from django.contrib import admin
from django.urls import URLResolver, include, path


def _of_extra_apps() -> list[URLResolver]:
    """Return the addresses of the business's own apps, of each that has a module `urls`."""
    names = [AppConfig.create(entry).name for entry in settings.EXTRA_APPS]
    return [path("", include(f"{name}.urls")) for name in names if find_spec(f"{name}.urls")]


urlpatterns = [
    path("admin/", admin.site.urls),
    path("", include("ui.urls")),
    path("", include("accounts.urls")),
    path("", include("masterdata.urls")),
    path("", include("jobs.urls")),
    path("", include("connection_setup.urls")),
    path("", include("coupling.urls")),
    path("", include("coupling.records.urls")),
    path("", include("sync.urls")),
    *_of_extra_apps(),
]

handler400 = "ui.errors.bad_request"
handler403 = "ui.errors.forbidden"
handler404 = "ui.errors.not_found"
handler500 = "ui.errors.failed"
