"""The wiring's own apps: commands that start the whole house, and which admin site there is."""

from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig


class ConfigConfig(AppConfig):
    """Holds the management commands `serve` and `demo`."""

    name = "config"
    label = "config"


class TandemAdminConfig(AdminConfig):
    """Django's admin with a site of ours."""

    default = False
    default_site = "accounts.admin_site.TandemAdminSite"
