from django.apps import AppConfig


class ExampleAppConfig(AppConfig):
    name = "tests.example_app"
    label = "example_app"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from masterdata.catalog import register
        from tests.example_app.models import Machine, Subscription, Tool

        register(Subscription, key="number", title="name", references={"customer_no": "customer"})
        register(
            Machine, key="serial_no", title="label", references={"customer_no": "customer"}, modified="updated_at",
            company="tenant", company_value=lambda company: company.slug,
        )  # fmt: skip
        register(Tool, key="code", title="label", company=None, only_company="cronus-international", modified=None)
