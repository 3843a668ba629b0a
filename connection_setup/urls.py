"""The addresses of this room."""

from django.urls import path

from connection_setup import views

app_name = "connection_setup"

_PAGE = "c/<slug:company>/dataverse-connection-setup/"

urlpatterns = [
    path(_PAGE, views.setup, name="setup"),
    path(f"{_PAGE}save/", views.save, name="save"),
    path(f"{_PAGE}choose/", views.choose, name="choose"),
    path(f"{_PAGE}test/", views.test, name="test"),
    path(f"{_PAGE}toggle/", views.toggle, name="toggle"),
    path(f"{_PAGE}enable/", views.enable, name="enable"),
    path(f"{_PAGE}disable/", views.disable, name="disable"),
]
