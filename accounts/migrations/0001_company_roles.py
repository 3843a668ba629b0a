"""Roles per company. Everybody gets what they have had: their role in all companies."""

import django.db.models.deletion
import django.utils.timezone
from django.apps.registry import Apps
from django.conf import settings
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

ROLES = ("Administrator", "Mapper", "Operator", "Viewer")


def keep_what_everybody_has(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Write a role in all companies for every group of that name; a superuser is an Administrator.

    The two may have come apart where somebody changed groups in the admin: whoever was a superuser could do everything,
    and still can until an administrator looks at the page People.
    """
    people = apps.get_model("auth", "User")
    groups = apps.get_model("auth", "Group")
    company_roles = apps.get_model("accounts", "CompanyRole")
    held = set(people.objects.filter(groups__name__in=ROLES).values_list("pk", "groups__name"))
    held = {(person, role) for person, role in held if role in ROLES}
    superusers = set(people.objects.filter(is_superuser=True).values_list("pk", flat=True))
    held |= {(person, "Administrator") for person in superusers}
    rows = [company_roles(person_id=person, role=role) for person, role in sorted(held)]
    company_roles.objects.bulk_create(rows, batch_size=500)
    # What follows from the role: the group of its name, and the superuser.
    administrators = {person for person, role in held if role == "Administrator"}
    people.objects.filter(pk__in=administrators).exclude(is_superuser=True, is_staff=True).update(
        is_superuser=True, is_staff=True
    )
    if administrators:
        group, _ = groups.objects.get_or_create(name="Administrator")
        for person in people.objects.filter(pk__in=administrators).exclude(groups=group):
            person.groups.add(group)


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
        ("masterdata", "0001_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="CompanyRole",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "role",
                    models.CharField(
                        choices=[(role, role) for role in ROLES],
                        max_length=16,
                    ),
                ),
                ("given_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                (
                    "company",
                    models.ForeignKey(
                        blank=True,
                        help_text="Blank: all companies.",
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="masterdata.company",
                    ),
                ),
                (
                    "given_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "person",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="company_roles",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ["person_id", "company_id", "role"],
                "constraints": [
                    models.UniqueConstraint(fields=("person", "company", "role"), name="company_role_once"),
                    models.UniqueConstraint(
                        condition=models.Q(("company", None)),
                        fields=("person", "role"),
                        name="role_in_all_companies_once",
                    ),
                ],
            },
        ),
        migrations.RunPython(keep_what_everybody_has, migrations.RunPython.noop),
    ]
