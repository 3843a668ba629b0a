from django.apps import AppConfig


class ExampleAppConfig(AppConfig):
    name = "tests.example_app"
    label = "example_app"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from masterdata.catalog import register
        from tests.example_app.models import Subscription

        register(Subscription, key="number", title="name", references={"customer_no": "customer"})
