"""The addresses of this room."""

from django.urls import URLPattern, path

from jobs.pages import views

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
]
