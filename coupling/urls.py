"""The addresses of mappings, criteria and uncoupling. Record lists have theirs in coupling.records.urls."""

from django.urls import URLPattern, path

from coupling.couplings import criteria_views, delete_mapping_page, release, uncouple_page
from coupling.mappings import card_page, fields_page, list_page

app_name = "coupling"
_MAPPINGS = "c/<slug:company>/mappings"
_ONE = f"{_MAPPINGS}/of/<str:mapping>"
_TABLE = "c/<slug:company>/records/<slug:table>"

urlpatterns: list[URLPattern] = [
    path(f"{_MAPPINGS}/", list_page.mappings, name="mappings"),
    path(f"{_MAPPINGS}/fields/", fields_page.all_fields, name="all-fields"),
    path(f"{_MAPPINGS}/criteria/", criteria_views.choose, name="choose-criteria"),
    path(f"{_MAPPINGS}/selected/<slug:what>/", list_page.selected, name="selected"),
    path(f"{_MAPPINGS}/reset/", list_page.reset, name="reset"),
    path(f"{_MAPPINGS}/uncouple/", uncouple_page.uncouple_mappings, name="uncouple-mappings"),
    path(f"{_ONE}/", card_page.mapping_card, name="mapping"),
    path(f"{_ONE}/fields/", fields_page.fields, name="fields"),
    path(f"{_ONE}/fields/switch/<slug:to>/", fields_page.switch_fields, name="switch-fields"),
    path(f"{_ONE}/criteria/", criteria_views.criteria, name="criteria"),
    path(f"{_ONE}/criteria/preview/", criteria_views.preview, name="preview"),
    path(f"{_ONE}/criteria/suggest/", criteria_views.suggest, name="suggest"),
    path(f"{_ONE}/criteria/save/", criteria_views.save, name="save-criteria"),
    path(f"{_ONE}/criteria/start/", criteria_views.start, name="start"),
    path(f"{_ONE}/criteria/reset/", criteria_views.reset, name="reset-criteria"),
    path(f"{_ONE}/uncouple/", uncouple_page.uncouple_selection, name="uncouple"),
    path(f"{_ONE}/delete/", delete_mapping_page.delete, name="delete-mapping"),
    path("c/<slug:company>/jobs/<int:pk>/release/", release.release_outcomes, name="release-outcomes"),
    path(f"{_TABLE}/release/", release.release_records, name="release-records"),
    path(f"{_TABLE}/couple/", criteria_views.from_selection, name="criteria-selection"),
    path(f"{_TABLE}/uncouple/", uncouple_page.from_selection, name="uncouple-selection"),
]
