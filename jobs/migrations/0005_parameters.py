"""Parameters and positions of jobs that have not ended are written as the code of this version reads them."""

from django.db import migrations

_OPEN = ("queued", "in_process", "postponed")
_DIRECTIONS = {"to": "to_integration_table", "from": "from_integration_table"}


def _coupling(old):
    criteria = [
        {
            "local": one["field"], "integration": one["column"], "priority": one["priority"],
            "case_sensitive": one["case_sensitive"], "compare_as": one["compare_as"],
        }
        for one in old.get("criteria", ())
    ]  # fmt: skip
    return {
        "criteria": criteria, "create": bool(old.get("create_new")), "synchronize": bool(old.get("synchronize")),
        "conflict": old.get("conflicts", ""), "blank_is_no_match": bool(old.get("blank_is_no_match")),
        "full_after": bool(old.get("full_after")),
    }  # fmt: skip


def _synchronization(old):
    create = bool(old.get("create") or old.get("create_new"))
    only_coupled = old.get("only_coupled")
    return {
        "full": bool(old.get("full")), "direction": _DIRECTIONS.get(old.get("direction", ""), "bidirectional"),
        "conflict": old.get("force") or old.get("conflict") or "", "retry": bool(old.get("retry")),
        "create": True if create else None if only_coupled is None else not only_coupled,
    }  # fmt: skip


_KINDS = {"coupling": _coupling, "synchronization": _synchronization}


_RESUME_KEYS = {"told": "already_reported"}


def rewrite(apps, _schema_editor):
    """Rewrite the parameters and the position of every open job."""
    Job = apps.get_model("jobs", "Job")
    for job in Job.objects.filter(state__in=_OPEN, type__in=_KINDS).only("type", "parameters", "resume"):
        job.parameters = _KINDS[job.type](job.parameters)
        job.resume = {_RESUME_KEYS.get(key, key): value for key, value in job.resume.items()}
        job.save(update_fields=["parameters", "resume"])


class Migration(migrations.Migration):
    dependencies = [("jobs", "0004_positions_of_outcomes")]

    operations = [migrations.RunPython(rewrite, migrations.RunPython.noop)]
