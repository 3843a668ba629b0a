"""Outcomes name no other company: their texts say so, and which one it is stands in their detail (jobs.mentions)."""

import re

from django.db import migrations

HIDDEN = "another company of this installation"
PART = 2000

HELD = re.compile(r"belongs to (?P<name>.+?), where it is coupled to (?P<record>.+?)(?=\. (?:To couple it|Match on ))", re.S)
LEFT = re.compile(r"(?<=^The Dataverse row )belongs to another company, (?P<name>.+)(?=\. Choose Delete Couplings)", re.S)
OUTSIDE = " outside the filter: "


def hide_in_message(message, companies):
    """Return the message without names of companies, and the mentions in it. companies: ids by name."""
    mentions = []

    def hide(found):
        mentions.append({"company": companies.get(found["name"], 0), "record": found.groupdict().get("record", "")})
        return f"belongs to {HIDDEN}"

    if message.startswith("The Dataverse row "):
        known = LEFT.search(message)
        # A name that is none of this installation's stays: nobody's right covers it.
        return (LEFT.sub(hide, message) if known and known["name"] in companies else message), mentions
    hidden = HELD.sub(hide, message)
    if OUTSIDE in hidden and companies:
        start, rest = hidden.split(OUTSIDE, 1)
        names = "|".join(map(re.escape, sorted(companies, key=len, reverse=True)))
        hidden = start + OUTSIDE + re.sub(rf"belongs to (?P<name>{names})(?=[;,.])", hide, rest)
    return hidden, mentions


def hide_in_candidate(candidate, companies):
    """Return the candidate without the name of the company that it is coupled in."""
    partner = candidate.get("coupled_to") if isinstance(candidate, dict) else None
    if not isinstance(partner, str):
        return candidate
    for name in sorted(companies, key=len, reverse=True):
        if partner.endswith(f" in {name}"):
            mention = {"company": companies[name], "record": partner[: -len(f" in {name}")]}
            return {**candidate, "coupled_to": HIDDEN, "mention": mention}
    return candidate


def hide_in_row(row, companies):
    """Change the message and the detail of an outcome; return whether anything was."""
    message, mentions = hide_in_message(row.message, companies)
    detail = dict(row.detail) if isinstance(row.detail, dict) else {}
    if mentions:
        detail["mentions"] = mentions
    if isinstance(detail.get("candidates"), list):
        detail["candidates"] = [hide_in_candidate(one, companies) for one in detail["candidates"]]
    changed = message != row.message or (bool(detail) and detail != row.detail)
    if changed:
        row.message, row.detail = message, detail
    return changed


def hide_names(apps, schema_editor):
    """Go through the outcomes that may name other companies; a single company has no others."""
    using = schema_editor.connection.alias
    companies = list(apps.get_model("masterdata", "Company").objects.using(using).values_list("pk", "name"))
    if len(companies) < 2:
        return
    others = {own: {name: pk for pk, name in companies if pk != own} for own, _ in companies}
    rows = apps.get_model("jobs", "JobOutcome").objects.using(using)
    rows = rows.filter(reason__in=("already_coupled", "create_queued", "multiple_matches", "no_match", "outside_filter"))
    last = 0
    while part := list(rows.filter(pk__gt=last).select_related("job").order_by("pk")[:PART]):
        last = part[-1].pk
        changed = [row for row in part if hide_in_row(row, others[row.job.company_id])]
        rows.bulk_update(changed, ["message", "detail"], batch_size=200)


class Migration(migrations.Migration):
    dependencies = [
        ("jobs", "0007_environment_jobs"),
        ("masterdata", "0003_ids_in_the_order_of_time"),
    ]

    operations = [migrations.RunPython(hide_names, migrations.RunPython.noop)]
