"""The addresses of this room."""

from django.urls import URLPattern, path

from jobs.alerts import views as alert_views
from jobs.pages import views
from jobs.retention import views as retention_views

app_name = "jobs"
urlpatterns: list[URLPattern] = [
    path("c/<slug:company>/jobs/", views.job_list, name="list"),
    path("c/<slug:company>/jobs/queue/", views.queue, name="queue"),
    path("c/<slug:company>/jobs/queue/cancel/", views.cancel_selected, name="cancel-selected"),
    path("c/<slug:company>/jobs/errors/", views.errors, name="errors"),
    path("c/<slug:company>/jobs/<int:pk>/", views.job_card, name="job"),
    path("c/<slug:company>/jobs/<int:pk>/cancel/", views.cancel, name="cancel"),
    path("c/<slug:company>/jobs/<int:pk>/outcomes/", views.job_outcomes, name="outcomes"),
    path("c/<slug:company>/jobs/<int:pk>/outcomes/export/", views.export, name="export"),
    path("c/<slug:company>/jobs/retention/", retention_views.policies, name="retention"),
    path("c/<slug:company>/jobs/retention/save/", retention_views.save, name="retention-save"),
    path("c/<slug:company>/jobs/retention/run/", retention_views.run, name="retention-run"),
    path("c/<slug:company>/alerts/", alert_views.alerts, name="alerts"),
    path("c/<slug:company>/alerts/settings/", alert_views.settings, name="alert-settings"),
    path("c/<slug:company>/alerts/receivers/new/", alert_views.new_receiver, name="new-alert-receiver"),
    path("c/<slug:company>/alerts/receivers/<int:receiver>/", alert_views.receiver, name="alert-receiver"),
    path(
        "c/<slug:company>/alerts/receivers/<int:receiver>/delete/",
        alert_views.delete_receiver,
        name="delete-alert-receiver",
    ),
    path(
        "c/<slug:company>/alerts/receivers/<int:receiver>/test/",
        alert_views.test_receiver,
        name="test-alert-receiver",
    ),
]
