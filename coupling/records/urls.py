"""The addresses of record lists and cards."""

from django.urls import path

from coupling.records import edit_pages, import_views, pages, partner_views, view_pages

app_name = "records"
urlpatterns = [
    path("c/<slug:company>/import/", import_views.choose, name="import"),
    path("c/<slug:company>/import/<int:pk>/", import_views.preview, name="import-preview"),
    path("c/<slug:company>/import/<int:pk>/rows/", import_views.preview_rows, name="import-preview-rows"),
    path("c/<slug:company>/import/<int:pk>/again/", import_views.again, name="import-again"),
    path("c/<slug:company>/import/<int:pk>/start/", import_views.start, name="import-start"),
    path("c/<slug:company>/records/<slug:table>/export/<slug:kind>/", import_views.export, name="export"),
    path("c/<slug:company>/records/<slug:table>/", pages.record_list, name="list"),
    path("c/<slug:company>/records/<slug:table>/open/", partner_views.open_row, name="open"),
    path("c/<slug:company>/records/<slug:table>/log/", partner_views.log, name="log"),
    path("c/<slug:company>/records/<slug:table>/views/save/", view_pages.save, name="save-view"),
    path("c/<slug:company>/records/<slug:table>/views/change/", view_pages.change, name="change-view"),
    path("c/<slug:company>/records/<slug:table>/views/delete/", view_pages.delete, name="delete-view"),
    path("c/<slug:company>/records/<slug:table>/look-up/", edit_pages.look_up, name="look-up"),
    path("c/<slug:company>/records/<slug:table>/new/", edit_pages.new, name="new"),
    path("c/<slug:company>/records/<slug:table>/by-key/", pages.by_key, name="by-key"),
    path("c/<slug:company>/records/<slug:table>/<uuid:system_id>/", pages.card, name="card"),
    path("c/<slug:company>/records/<slug:table>/<uuid:system_id>/edit/", edit_pages.edit, name="edit"),
    path("c/<slug:company>/records/<slug:table>/<uuid:system_id>/delete/", edit_pages.delete, name="delete"),
]
