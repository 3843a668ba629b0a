"""The addresses of mappings, criteria and uncoupling. Record lists have theirs in coupling.records.urls."""

from django.urls import URLPattern, path

from coupling.couplings import criteria_views, delete_mapping_page, preview_views, release, uncouple_page
from coupling.mappings import (
    card_page,
    drift_page,
    field_views,
    fields_page,
    file_views,
    list_page,
    look_up_tables_page,
    manual_page,
    moved_page,
    options_page,
    reset_page,
    several_fields,
    templates_page,
)
from coupling.mappings.guide import views as guide

app_name = "coupling"
_MAPPINGS = "c/<slug:company>/mappings"
_ONE = f"{_MAPPINGS}/of/<str:mapping>"
_PREVIEW = "c/<slug:company>/previews/<int:preview>"
_TABLE = "c/<slug:company>/records/<slug:table>"

urlpatterns: list[URLPattern] = [
    path(f"{_MAPPINGS}/", list_page.mappings, name="mappings"),
    path(f"{_MAPPINGS}/manual/", manual_page.manual_mappings, name="manual-mappings"),
    path(f"{_MAPPINGS}/new/", guide.new_mapping, name="new-mapping"),
    path(f"{_MAPPINGS}/new/discard/", guide.discard_new_mapping, name="discard-new-mapping"),
    path(f"{_MAPPINGS}/new/<slug:part>/", guide.new_mapping_step, name="new-mapping-step"),
    path(f"{_MAPPINGS}/fields/", fields_page.all_fields, name="all-fields"),
    path(f"{_MAPPINGS}/look-up-tables/", look_up_tables_page.look_up_tables, name="look-up-tables"),
    path(f"{_MAPPINGS}/look-up-tables/new/", look_up_tables_page.new_look_up_table, name="new-look-up-table"),
    path(f"{_MAPPINGS}/look-up-tables/<int:table_id>/", look_up_tables_page.look_up_table, name="look-up-table"),
    path(
        f"{_MAPPINGS}/look-up-tables/<int:table_id>/delete/",
        look_up_tables_page.delete_look_up_table,
        name="delete-look-up-table",
    ),
    path(f"{_MAPPINGS}/templates/", templates_page.templates, name="templates"),
    path(f"{_MAPPINGS}/templates/new/", templates_page.new_template, name="new-template"),
    path(f"{_MAPPINGS}/templates/<int:template_id>/", templates_page.template, name="template"),
    path(f"{_MAPPINGS}/templates/<int:template_id>/delete/", templates_page.delete_template, name="delete-template"),
    path(f"{_MAPPINGS}/options/", options_page.all_options, name="all-options"),
    path(f"{_MAPPINGS}/criteria/", criteria_views.choose, name="choose-criteria"),
    path(f"{_MAPPINGS}/selected/<slug:what>/", list_page.selected, name="selected"),
    path(f"{_MAPPINGS}/reset/", reset_page.reset, name="reset"),
    path(f"{_MAPPINGS}/add-defaults/", file_views.add_defaults, name="add-defaults"),
    path(f"{_MAPPINGS}/export/", file_views.export_mappings, name="export-mappings"),
    path(f"{_MAPPINGS}/import/", file_views.import_mappings, name="import-mappings"),
    path(f"{_MAPPINGS}/copy/", file_views.copy_mappings, name="copy-mappings"),
    path(f"{_MAPPINGS}/uncouple/", uncouple_page.uncouple_mappings, name="uncouple-mappings"),
    path(f"{_ONE}/", card_page.mapping_card, name="mapping"),
    path(f"{_ONE}/moved/<slug:side>/<slug:how>/<slug:tree>/", moved_page.moved, name="moved"),
    path(f"{_ONE}/fields/", fields_page.fields, name="fields"),
    path(f"{_ONE}/fields/switch/<slug:to>/", fields_page.switch_fields, name="switch-fields"),
    path(f"{_ONE}/fields/change/", several_fields.change_fields, name="change-fields"),
    path(f"{_ONE}/fields/remove/", several_fields.remove_fields, name="remove-fields"),
    path(f"{_ONE}/fields/reset-rules/", field_views.reset_rules, name="reset-rules"),
    path(f"{_ONE}/fields/new/", field_views.new_field, name="new-field"),
    path(f"{_ONE}/fields/new/test/", field_views.test_new_field, name="test-new-field"),
    path(f"{_ONE}/fields/<int:field>/", field_views.one_field, name="field"),
    path(f"{_ONE}/fields/<int:field>/test/", field_views.test_field, name="test-field"),
    path(f"{_ONE}/fields/<int:field>/remove/", field_views.remove_field, name="remove-field"),
    path(f"{_ONE}/columns/look/", drift_page.look_at_columns, name="look-at-columns"),
    path(f"{_ONE}/columns/accept/", drift_page.accept_columns, name="accept-columns"),
    path(f"{_ONE}/options/", options_page.options, name="options"),
    path(f"{_ONE}/criteria/", criteria_views.criteria, name="criteria"),
    path(f"{_ONE}/criteria/preview/", criteria_views.preview, name="preview"),
    path(f"{_ONE}/criteria/save/", criteria_views.save, name="save-criteria"),
    path(f"{_ONE}/criteria/start/", criteria_views.start, name="start"),
    path(f"{_ONE}/criteria/reset/", criteria_views.reset, name="reset-criteria"),
    path("c/<slug:company>/previews/", preview_views.previews, name="previews"),
    path(f"{_PREVIEW}/", preview_views.preview, name="match-preview"),
    path(f"{_PREVIEW}/export/", preview_views.export, name="export-preview"),
    path(f"{_PREVIEW}/again/", preview_views.again, name="preview-again"),
    path(f"{_PREVIEW}/cancel/", preview_views.cancel, name="cancel-preview"),
    path(f"{_PREVIEW}/tick/", preview_views.tick, name="tick-preview"),
    path(f"{_PREVIEW}/tick-all/", preview_views.tick_all, name="tick-all-previewed"),
    path(f"{_PREVIEW}/brakes/", preview_views.set_brakes, name="set-preview-brakes"),
    path(f"{_PREVIEW}/couple/", preview_views.couple_these, name="couple-previewed"),
    path(f"{_ONE}/uncouple/", uncouple_page.uncouple_selection, name="uncouple"),
    path(f"{_ONE}/delete/", delete_mapping_page.delete, name="delete-mapping"),
    path("c/<slug:company>/jobs/<int:pk>/release/", release.release_outcomes, name="release-outcomes"),
    path(f"{_TABLE}/release/", release.release_records, name="release-records"),
    path(f"{_TABLE}/couple/", criteria_views.from_selection, name="criteria-selection"),
    path(f"{_TABLE}/uncouple/", uncouple_page.from_selection, name="uncouple-selection"),
]
