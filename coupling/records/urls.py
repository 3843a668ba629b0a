"""The addresses of record lists and cards."""

from django.urls import path

from coupling.records import import_views, pages

app_name = "records"
urlpatterns = [
    path("c/<slug:company>/import/", import_views.choose, name="import"),
    path("c/<slug:company>/import/<int:pk>/", import_views.preview, name="import-preview"),
    path("c/<slug:company>/import/<int:pk>/rows/", import_views.preview_rows, name="import-preview-rows"),
    path("c/<slug:company>/import/<int:pk>/again/", import_views.again, name="import-again"),
    path("c/<slug:company>/import/<int:pk>/start/", import_views.start, name="import-start"),
    path("c/<slug:company>/records/<slug:table>/export/<slug:kind>/", import_views.export, name="export"),
    path("c/<slug:company>/records/<slug:table>/", pages.record_list, name="list"),
    path("c/<slug:company>/records/<slug:table>/new/", pages.new, name="new"),
    path("c/<slug:company>/records/<slug:table>/by-key/", pages.by_key, name="by-key"),
    path("c/<slug:company>/records/<slug:table>/<uuid:system_id>/", pages.card, name="card"),
    path("c/<slug:company>/records/<slug:table>/<uuid:system_id>/edit/", pages.edit, name="edit"),
    path("c/<slug:company>/records/<slug:table>/<uuid:system_id>/delete/", pages.delete, name="delete"),
]
