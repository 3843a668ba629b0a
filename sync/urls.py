"""The addresses of this room."""

from django.urls import path

from sync.conflicts import pages
from sync.full import page as review_page
from sync.salespeople import page as salespeople_pages
from sync.start import pages as start_pages

app_name = "sync"
_review = "c/<slug:company>/dataverse-full-synch-review/"
_people = "c/<slug:company>/couple-dataverse-users-with-salespeople/"
urlpatterns = [
    path(_people, salespeople_pages.show, name="salespeople"),
    path(_people + "save/", salespeople_pages.save, name="salespeople-save"),
    path(_people + "create/", salespeople_pages.create, name="salespeople-create"),
    path(_people + "delete-couplings/", salespeople_pages.delete_couplings, name="salespeople-delete"),
    path(_people + "match/", salespeople_pages.match, name="salespeople-match"),
    path(_people + "team/", salespeople_pages.add_to_team, name="salespeople-team"),
    path(_review, review_page.review, name="review"),
    path(_review + "sync-all/", review_page.sync_all, name="sync-all"),
    path(_review + "refresh/", review_page.refresh, name="review-refresh"),
    path(_review + "reset/", review_page.reset, name="review-reset"),
    path(_review + "restart/", review_page.restart, name="review-restart"),
    path(_review + "recommend-full/", review_page.recommend_full, name="review-recommend-full"),
    path(_review + "remove/", review_page.remove, name="review-remove"),
    path("c/<slug:company>/resolve-update-conflicts/", pages.conflicts, name="conflicts"),
    path("c/<slug:company>/resolve-update-conflicts/resolve/", pages.resolve, name="resolve"),
    path("c/<slug:company>/coupled-data-synchronization-errors/", pages.skipped, name="skipped"),
    path("c/<slug:company>/coupled-data-synchronization-errors/retry/", pages.retry, name="retry"),
    path("c/<slug:company>/coupled-data-synchronization-errors/retry-all/", pages.retry_all, name="retry-all"),
    path(
        "c/<slug:company>/coupled-data-synchronization-errors/delete-couplings/",
        pages.delete_couplings,
        name="delete-couplings",
    ),
    path(
        "c/<slug:company>/records/<slug:table>/synchronize/",
        start_pages.synchronize_selection,
        name="synchronize-selection",
    ),
    path(
        "c/<slug:company>/mappings/of/<str:mapping>/synchronize/", start_pages.synchronize, name="synchronize-mapping"
    ),
]
