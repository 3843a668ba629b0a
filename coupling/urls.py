"""The addresses of mappings, criteria and uncoupling. Record lists have their own, in records_urls."""

from django.urls import URLPattern, path

from coupling.couplings import criteria_page as criteria_pages
from coupling.couplings import uncouple_page as uncouple_pages
from coupling.mappings import card_page as mapping_card
from coupling.mappings import fields_page as field_pages
from coupling.mappings import list_page as mapping_pages

app_name = "coupling"
_MAPPINGS = "c/<slug:company>/mappings"
_ONE = f"{_MAPPINGS}/of/<str:mapping>"
_TABLE = "c/<slug:company>/records/<slug:table>"

urlpatterns: list[URLPattern] = [
    path(f"{_MAPPINGS}/", mapping_pages.mappings, name="mappings"),
    path(f"{_MAPPINGS}/fields/", field_pages.all_fields, name="all-fields"),
    path(f"{_MAPPINGS}/criteria/", criteria_pages.choose, name="choose-criteria"),
    path(f"{_MAPPINGS}/selected/<slug:what>/", mapping_pages.selected, name="selected"),
    path(f"{_MAPPINGS}/reset/", mapping_pages.reset, name="reset"),
    path(f"{_MAPPINGS}/uncouple/", uncouple_pages.uncouple_mappings, name="uncouple-mappings"),
    path(f"{_ONE}/", mapping_card.mapping_card, name="mapping"),
    path(f"{_ONE}/fields/", field_pages.fields, name="fields"),
    path(f"{_ONE}/fields/switch/<slug:to>/", field_pages.switch_fields, name="switch-fields"),
    path(f"{_ONE}/criteria/", criteria_pages.criteria, name="criteria"),
    path(f"{_ONE}/criteria/preview/", criteria_pages.preview, name="preview"),
    path(f"{_ONE}/criteria/suggest/", criteria_pages.suggest, name="suggest"),
    path(f"{_ONE}/criteria/save/", criteria_pages.save, name="save-criteria"),
    path(f"{_ONE}/criteria/start/", criteria_pages.start, name="start"),
    path(f"{_ONE}/criteria/reset/", criteria_pages.reset, name="reset-criteria"),
    path(f"{_ONE}/uncouple/", uncouple_pages.uncouple_selection, name="uncouple"),
    path(f"{_TABLE}/couple/", criteria_pages.from_selection, name="criteria-selection"),
    path(f"{_TABLE}/uncouple/", uncouple_pages.from_selection, name="uncouple-selection"),
]
