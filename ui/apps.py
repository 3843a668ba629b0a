"""The page kit: shell, lists, Tell Me, role center."""

from django.apps import AppConfig


class UiConfig(AppConfig):
    """The page kit: shell, lists, Tell Me, role center."""

    name = "ui"

    def ready(self) -> None:
        """Make the kit's own pages findable."""
        from ui.registry import Entry, tell_me

        tell_me(Entry("Role Center", "ui:role-center", also=("Home", "Start page"), navigation=0))
        tell_me(
            Entry(
                "Keyboard shortcuts",
                "ui:help",
                group="Help",
                also=("Keys",),
                per_company=False,
                arguments=(("name", "keyboard"),),
            )
        )
