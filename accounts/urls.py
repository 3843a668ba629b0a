"""The addresses of this room."""

from django.urls import path

from accounts.pages import people_views

app_name = "accounts"
_PEOPLE = "c/<slug:company>/people/"
urlpatterns = [
    path(_PEOPLE, people_views.show, name="people"),
    path(f"{_PEOPLE}save/", people_views.save, name="people-save"),
    path(f"{_PEOPLE}activate/", people_views.activate, name="people-activate"),
    path(f"{_PEOPLE}changes/", people_views.changes, name="changes"),
]
