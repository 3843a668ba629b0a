"""The addresses: each room brings its own; a company's pages live below /c/<company>/."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("admin/", admin.site.urls),
    path("", include("ui.urls")),
    path("", include("masterdata.urls")),
    path("", include("jobs.urls")),
    path("", include("connection_setup.urls")),
    path("", include("coupling.urls")),
    path("", include("coupling.records.urls")),
    path("", include("sync.urls")),
]

handler400 = "ui.errors.bad_request"
handler403 = "ui.errors.forbidden"
handler404 = "ui.errors.not_found"
handler500 = "ui.errors.failed"
