"""What this room registers with those below: kinds of jobs, hooks of the connection, Tell Me entries, cues, links."""

from typing import Any

from django.db.models.signals import pre_delete
from django.http import HttpRequest

from connection_setup import hooks
from connection_setup.guide import assisted_setup
from core import bulk, unsettled
from core.roles import Can
from coupling import claims
from coupling.couplings.coupled_records import CoupledRecords
from coupling.couplings.ended import keep_ended, keep_ended_in_bulk
from coupling.couplings.pair_outcomes import mapping_and_table
from coupling.couplings.preview_job import drop_expired, preview
from coupling.couplings.preview_page import preview_url
from coupling.couplings.release import outcome_actions
from coupling.couplings.suggest_job import suggest
from coupling.couplings.uncouple_job import uncouple
from coupling.failures.settle_job import label_of, match_or_settle
from coupling.failures.standing import note_failed
from coupling.failures.unsettled_jobs import unsettled_jobs
from coupling.mapping_files.difference import filter_words, summary
from coupling.mapping_files.types import FIELD_SETTINGS, SETTINGS
from coupling.mappings import column_looks, defaults, drift_page, sales
from coupling.mappings.set_entries import set_words
from coupling.models import (
    Coupling,
    CriteriaSet,
    IntegrationFieldMapping,
    IntegrationTableMapping,
    KnownColumns,
    LookUpTable,
    OptionMapping,
)
from coupling.records import lists as records
from coupling.records.import_job import run_import
from jobs import registry as jobs
from jobs.models import Job, JobOutcome, Type
from masterdata import catalog
from masterdata.models import Company, RecordTemplate
from ui import registry
from ui.kit import Action, Status


def register() -> None:
    """Register everything; called once, when the app loads."""
    jobs.register(Type.COUPLING, match_or_settle, label="match-based coupling", label_of=label_of)
    jobs.register(Type.PREVIEW, preview, label="preview of match-based coupling")
    jobs.register(Type.SUGGESTION, suggest, label="suggestion of matching criteria")
    jobs.register(Type.UNCOUPLING, uncouple, label="delete couplings")
    jobs.register(Type.IMPORT, run_import, label="import")
    jobs.record_links(_record_links)
    jobs.record_finder(records.find_ids)
    jobs.outcome_actions(outcome_actions)
    jobs.on_failed(note_failed)
    jobs.job_actions(_preview_actions)
    jobs.on_tick(drop_expired)
    jobs.derived_outcomes(Type.COUPLING, CoupledRecords())
    jobs.unsettled(unsettled_jobs)
    pre_delete.connect(keep_ended, sender=Coupling)
    bulk.deleting.connect(keep_ended_in_bulk, sender=Coupling)
    hooks.on_enabled(_follow_ownership)
    hooks.on_moved(_forget_columns)
    hooks.SYNCHRONIZATION_SETUP.provide(
        hooks.SynchronizationSetup(describe=_standing, apply=_default_mappings, reset=_reset, discards=_discards)
    )
    hooks.add_question(_DEFAULT_SETUP)
    sales.register()
    assisted_setup.register_setup(
        assisted_setup.Setup(
            "New Table Mapping",
            "Maps a table of your own, or another one, with a table in Dataverse: fields, filters and schedule.",
            5,
            "coupling:new-mapping",
            _manual_status,
            group="Map",
            help="mappings.md#new",
        )
    )
    unsettled.register(
        "Dataverse rows that several companies hold",
        claims.rows_of_several_companies,
        "Delete the coupling in all companies but one, or switch Multi-Company Synchronization Enabled on for the "
        "mapping. Until then the rows are synchronized as before.",
    )
    hooks.MAPPED_TABLES.provide(_tables)
    hooks.COUPLING_COUNT.provide(_coupling_count)
    for logged in _LOGGED:
        hooks.log_changes(logged)
    for entry in _ENTRIES:
        registry.tell_me(entry)
    registry.role_center_notice(drift_page.role_center_notice)
    registry.list_notice(drift_page.other_lists_notice)


def _coupling_count(company: Company) -> int:
    return sum(model.objects.filter(company=company).count() for model in (Coupling, OptionMapping))


_LOGGED = (
    hooks.Logged(
        "mapping", "Mapping", IntegrationTableMapping,
        lambda company: IntegrationTableMapping.objects.filter(company=company), captions=SETTINGS,
        words={"table_filter": filter_words, "integration_filter": filter_words},
    ),
    hooks.Logged(
        "criteria-set", "Criteria Set", CriteriaSet,
        lambda company: CriteriaSet.objects.filter(mapping__company=company),
        captions={"name": "Name", "criteria": "Criteria"}, words={"criteria": set_words},
    ),
    hooks.Logged(
        "field", "Field", IntegrationFieldMapping,
        lambda company: IntegrationFieldMapping.objects.filter(mapping__company=company), captions=FIELD_SETTINGS,
    ),
    hooks.Logged(
        "look-up-table", "Look-up Table", LookUpTable, lambda company: LookUpTable.objects.filter(company=company)
    ),
    hooks.Logged(
        "accepted-columns", "Accepted Column Changes of", KnownColumns,
        lambda company: KnownColumns.objects.filter(mapping__company=company),
    ),
    hooks.Logged(
        "choice", "Choice of", OptionMapping, lambda company: OptionMapping.objects.filter(company=company),
        captions={"choice": "Choice"},
    ),
    hooks.Logged(
        "template", "Template", RecordTemplate, lambda company: RecordTemplate.objects.filter(company=company)
    ),
)  # fmt: skip
"""What people change beside the connection."""
_ENTRIES = (
    registry.Entry(
        "Integration Table Mappings",
        "coupling:mappings",
        also=(
            "Mappings",
            "Coupling",
            "Match-Based Coupling",
            "Delete Couplings",
            "Export Mappings",
            "Import Mappings",
            "Copy Mappings",
        ),
        navigation=30,
    ),
    registry.Entry(
        "New Table Mapping",
        "coupling:new-mapping",
        also=("New mapping", "Map a table", "Create New Integration Mappings"),
        needs=Can.MAP,
    ),
    registry.Entry(
        "Manual Integration Table Mappings",
        "coupling:manual-mappings",
        also=("Own mappings", "User-defined mappings", "Custom tables"),
    ),
    registry.Entry(
        "Integration Field Mapping List", "coupling:all-fields", also=("Field mappings", "Integration Field Mappings")
    ),
    registry.Entry("Look-up Tables", "coupling:look-up-tables", also=("Transformation rules", "Code translation")),
    registry.Entry("Templates for New Records", "coupling:templates", also=("Config templates", "Defaults")),
    registry.Entry(
        "Dataverse Option Mapping", "coupling:all-options", also=("Option mappings", "Choices", "Option values")
    ),
    registry.Entry(
        "Preview of Match-Based Coupling", "coupling:previews", also=("Previews", "Couple these", "Dry run")
    ),
    registry.Entry(
        "Select Coupling Criteria", "coupling:choose-criteria", also=("Match-Based Coupling", "Matching criteria")
    ),
)


_DEFAULT_SETUP = hooks.Question(
    "default-setup",
    "Use the default synchronization setup?",
    "Synchronization is not set up yet. Yes makes the default mappings with their schedules, so that records which are "
    "coupled are kept alike on both sides. No leaves it to you; Integration Table Mappings offers the same later.",
    applies=lambda connection: not _standing(connection.company),
    yes=lambda company, _: _default_mappings(company, True),
    no="Nothing was set up. Choose Use Default Synchronization Setup on Integration Table Mappings when you want it.",
    order=20,
)


def _preview_actions(_request: HttpRequest, job: Job) -> list[Action]:
    """Return where the card of a preview's job leads, and that of the job which coupled what was previewed."""
    if job.type == Type.PREVIEW:
        return [Action("Open the Preview", preview_url(job), icon="preview", primary=True)]
    previewed = job.parameters.get("preview") if job.type == Type.COUPLING else None
    found = Job.objects.filter(pk=previewed, company=job.company, type=Type.PREVIEW).first() if previewed else None
    return [Action("Open the Preview", preview_url(found), icon="preview")] if found is not None else []


def _record_links(job: Job, outcomes: list[JobOutcome]) -> dict[Any, str]:
    """Return the addresses of the records that a page of outcomes is about, by their ids."""
    table = catalog.table(job.parameters["table"]) if job.type == Type.IMPORT else mapping_and_table(job)[1]
    if table is None:
        return {}
    return {row.local_id: records.card_url(job.company, table, row.local_id) for row in outcomes if row.local_id}


def _manual_status(company: Any) -> Status:
    """Return how many mappings people made: the guide is for as many as are wanted."""
    count = IntegrationTableMapping.objects.filter(company=company, user_defined=True).count()
    return Status(f"{count} made", "ok") if count else Status("Not used yet")


def _default_mappings(company: Any, schedules: bool) -> str:
    made = defaults.create_missing(company)
    if not made:
        return f"{_standing(company)} Nothing of it was replaced."
    if schedules:
        defaults.schedule_mappings(company)
        return f"{len(made)} default mappings are made, with their schedules."
    return f"{len(made)} default mappings are made."


def _standing(company: Any) -> str:
    own = IntegrationTableMapping.objects.filter(company=company)
    count = own.exclude(name__in=defaults.names_of_part(defaults.DYNAMICS_365)).count()
    return f"{count} integration table mapping{'s are' if count > 1 else ' is'} set up." if count else ""


def _follow_ownership(company: Any, user: Any) -> None:
    del user
    defaults.apply_ownership_model(company)


def _forget_columns(company: Any, user: Any) -> None:
    del user
    column_looks.forget(company)


def _tables(company: Any) -> list[str]:
    """Return the Dataverse tables of the company's mappings; choices are columns of other tables."""
    own = IntegrationTableMapping.objects.filter(company=company, uid_kind="guid").order_by("position")
    return list(own.values_list("integration_table", flat=True))


def _reset(company: Any, user: Any) -> str:
    """Reset all mappings that have a default, and schedule them."""
    del user  # the audit names who did it
    made = defaults.reset_mappings(company)
    defaults.schedule_mappings(company)
    return f"{len(made)} mappings have their default settings, filters, fields, matching criteria and schedules again."


def _discards(company: Any) -> list[str]:
    return summary(defaults.reset_changes(company))
