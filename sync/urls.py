"""The addresses of synchronization: salespeople, the review, conflicts and skipped records, starting."""

from django.urls import path

from sync.conflicts import resolve_views
from sync.conflicts import views as conflicts
from sync.coupling_setup import beside_views, rows_views
from sync.coupling_setup import views as coupling_setup
from sync.environment import views as environment
from sync.failures import views as failures
from sync.full import preview_views as previews
from sync.full import views as full
from sync.history import views as history
from sync.now import views as now
from sync.salespeople import views as salespeople
from sync.schedules import views as schedules
from sync.schedules import web_hook
from sync.start import pages as start
from sync.undo import views as undo

app_name = "sync"
_review = "c/<slug:company>/dataverse-full-synch-review/"
_environment = "c/<slug:company>/environment-changed/"
_people = "c/<slug:company>/couple-dataverse-users-with-salespeople/"
_records = "c/<slug:company>/records/<slug:table>/"
_mapping = "c/<slug:company>/mappings/of/<str:mapping>/"
_left_out = "c/<slug:company>/coupled-data-synchronization-errors/"
_conflicts = "c/<slug:company>/resolve-update-conflicts/"
_failures = "c/<slug:company>/integration-synchronization-errors/"
_queue = "c/<slug:company>/jobs/queue/schedules/"
_undo = "c/<slug:company>/undo-previews/<int:undo>/"
_history = "c/<slug:company>/synchronization-history/"
urlpatterns = [
    path("dataverse-changes/<uuid:hook>/", web_hook.called, name="web-hook"),
    path(_failures, failures.show, name="failures"),
    path(_failures + "by-hand/", failures.by_hand, name="failures-by-hand"),
    path(_failures + "couple/", failures.couple, name="failures-couple"),
    path(_failures + "create/", failures.create, name="failures-create"),
    path(_failures + "criteria/", failures.criteria, name="failures-criteria"),
    path(_failures + "export/", failures.export, name="failures-export"),
    path(_failures + "ignore/", failures.ignore, name="failures-ignore"),
    path(_failures + "release/", failures.release, name="failures-release"),
    path(_failures + "retry/", failures.retry, name="failures-retry"),
    path(_failures + "stop-ignoring/", failures.stop_ignoring, name="failures-stop-ignoring"),
    path(_history, history.show, name="history"),
    path(_history + "export/<slug:kind>/", history.export, name="history-export"),
    path(_history + "put-back/", history.put_back, name="put-back"),
    path(_records + "<uuid:system_id>/history/", history.of_record, name="record-history"),
    path(_environment, environment.show, name="environment"),
    path(_environment + "check/", environment.check, name="environment-check"),
    path(_environment + "choose/", environment.choose, name="environment-choose"),
    path(_environment + "enable/", environment.enable, name="environment-enable"),
    path(_environment + "point-back/", environment.point_back, name="environment-point-back"),
    path(_people, salespeople.show, name="salespeople"),
    path(_people + "save/", salespeople.save, name="salespeople-save"),
    path(_people + "create/", salespeople.create, name="salespeople-create"),
    path(_people + "delete-couplings/", salespeople.delete_couplings, name="salespeople-delete"),
    path(_people + "match/", salespeople.match, name="salespeople-match"),
    path(_people + "team/", salespeople.add_to_team, name="salespeople-team"),
    path(_review, full.review, name="review"),
    path(_review + "sync-all/", full.sync_all, name="sync-all"),
    path(_review + "stop/", full.stop, name="review-stop"),
    path(_review + "go-on/", full.go_on, name="review-go-on"),
    path(_review + "preview/", previews.start, name="preview-review"),
    path(_review + "previews/<int:full_preview>/", previews.show, name="review-preview"),
    path(_review + "previews/<int:full_preview>/cancel/", previews.cancel, name="review-preview-cancel"),
    path(_review + "previews/<int:full_preview>/export/", previews.export, name="review-preview-export"),
    path(_review + "previews/<int:full_preview>/run/", previews.run, name="run-unconditional"),
    path(_mapping + "unconditional/", previews.unconditional, name="unconditional"),
    path(_review + "refresh/", full.refresh, name="review-refresh"),
    path(_review + "reset/", full.reset, name="review-reset"),
    path(_review + "restart/", full.restart, name="review-restart"),
    path(_review + "recommend-full/", full.recommend_full, name="review-recommend-full"),
    path(_review + "remove/", full.remove, name="review-remove"),
    path(_conflicts, resolve_views.conflicts, name="conflicts"),
    path(_conflicts + "resolve/", resolve_views.resolve, name="resolve"),
    path(_conflicts + "rule/", resolve_views.resolve_rule, name="resolve-rule"),
    path(_left_out, conflicts.skipped, name="skipped"),
    path(_left_out + "log/", conflicts.log, name="left-out-log"),
    path(_left_out + "retry/", conflicts.retry, name="retry"),
    path(_left_out + "retry-all/", conflicts.retry_all, name="retry-all"),
    path(_left_out + "accept/", conflicts.accept, name="accept"),
    path(_left_out + "couple-with-successor/", conflicts.couple_with_successor, name="couple-with-successor"),
    path(_left_out + "restore/", conflicts.restore, name="restore"),
    path(_left_out + "synchronize/", conflicts.synchronize, name="synchronize-undone"),
    path(_left_out + "delete-records/", conflicts.delete_records, name="delete-records"),
    path(_left_out + "find-deleted/", conflicts.find_deleted, name="find-deleted"),
    path(_left_out + "delete-couplings/", conflicts.delete_couplings, name="delete-couplings"),
    path(
        _records + "synchronize/",
        now.synchronize_selection,
        name="synchronize-selection",
    ),
    path(_mapping + "schedule/", schedules.change, name="schedule"),
    path(_queue + "run/", schedules.run, name="schedules-run"),
    path(_queue + "hold/", schedules.hold, name="schedules-hold"),
    path(_queue + "ready/", schedules.ready, name="schedules-ready"),
    path(_mapping + "synchronize/", start.synchronize, name="synchronize-mapping"),
    path("c/<slug:company>/set-up-coupling/", coupling_setup.choose, name="choose-coupling"),
    path(_records + "<uuid:system_id>/set-up-coupling/", coupling_setup.set_up, name="set-up-coupling"),
    path(_records + "<uuid:system_id>/here-and-in-dataverse/", beside_views.beside, name="beside"),
    path(_records + "set-up-coupling/", coupling_setup.from_records, name="set-up-coupling-records"),
    path(_records + "create-in-dataverse/", coupling_setup.create_in_dataverse, name="create-in-dataverse"),
    path(_left_out + "set-up-coupling/", coupling_setup.from_undone, name="set-up-coupling-undone"),
    path(
        _conflicts + "set-up-coupling/",
        coupling_setup.from_conflicts,
        name="set-up-coupling-conflicts",
    ),
    path(
        "c/<slug:company>/jobs/<int:pk>/set-up-coupling/", coupling_setup.from_outcomes, name="set-up-coupling-outcomes"
    ),
    path("c/<slug:company>/jobs/<int:pk>/undo/", undo.undo, name="undo"),
    path(_undo, undo.preview, name="undo-preview"),
    path(_undo + "cancel/", undo.cancel, name="undo-cancel"),
    path(_undo + "carry-out/", undo.carry_out, name="undo-carry-out"),
    path(_undo + "export/", undo.export, name="undo-export"),
    path(_mapping + "uncoupled-rows/", rows_views.uncoupled, name="uncoupled-rows"),
    path(_mapping + "uncoupled-rows/create/", rows_views.create, name="create-here"),
]
