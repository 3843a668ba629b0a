"""The addresses of this room."""

from django.contrib.auth import views as auth
from django.urls import path
from django.views.decorators.http import require_http_methods

from ui import views

app_name = "ui"
_form = require_http_methods(["GET", "HEAD", "POST"])
urlpatterns = [
    path("", views.home, name="home"),
    path(
        "sign-in/",
        _form(auth.LoginView.as_view(template_name="ui/shell/sign_in.html", redirect_authenticated_user=True)),
        name="sign-in",
    ),
    path("sign-out/", auth.LogoutView.as_view(), name="sign-out"),
    path("c/<slug:company>/", views.role_center, name="role-center"),
    path("c/<slug:company>/search/", views.search, name="search"),
    path("help/<slug:name>/", views.help_page, name="help"),
    path("preferences/columns/", views.columns, name="columns"),
    path("preferences/appearance/", views.appearance, name="appearance"),
    path("preferences/tab/", views.tab, name="tab"),
    path("preferences/tip/", views.tip, name="tip"),
]
