"""What this room registers with the rooms below: the kind of job, schedules, Tell Me entries, cues, guide steps."""

from datetime import datetime
from typing import Any

from django.db.models.signals import post_delete, post_save

from connection_setup import hooks
from connection_setup.models import OwnershipModel
from core import bulk
from coupling.couplings import foreseen
from coupling.failures.standing import standing
from coupling.mappings import schedule as mapping_schedule
from coupling.models import Coupling, IntegrationTableMapping
from jobs import registry as jobs
from jobs.models import Job, Type
from masterdata import catalog
from sync import alert_facts, guide_steps, role_center
from sync.conflicts import conflicts_page, skipped_page
from sync.coupling_setup import page as coupling_page
from sync.coupling_setup.actions import outcome_actions
from sync.coupling_setup.beside import record_box
from sync.coupling_setup.comparison import foresee
from sync.deletions import services as deletions
from sync.engine import field_rules
from sync.engine.handler import handle
from sync.engine.settled_pairs import SettledPairs
from sync.environment import page as environment_page
from sync.environment.job import carry_out
from sync.failures import page as failures_page
from sync.full import page as review_page
from sync.full import preview_page
from sync.full import services as full
from sync.full.preview_job import drop_expired
from sync.full.preview_job import handle as preview_full
from sync.history import listing as history_listing
from sync.history.card import record_section
from sync.history.job import handle as put_back
from sync.history.page import job_actions
from sync.history.reading import changed_fields
from sync.history.services import drop_older
from sync.salespeople import page as salespeople_page
from sync.salespeople import services as salespeople
from sync.schedules import alerts as schedule_alerts
from sync.schedules import page as schedules_page
from sync.schedules import reading as schedules_reading
from sync.schedules import services as schedules
from sync.schedules import waking
from sync.start import services as start
from sync.undo import page as undo_page
from sync.undo.job import handle as undo
from sync.undo.preview_job import drop_expired as drop_undo_previews
from sync.undo.preview_job import handle as preview_undo
from sync.unsettled_jobs import needed_jobs
from ui import registry
from ui.links import company_url

_ENTRIES = (
    registry.Entry(
        review_page.TITLE,
        "sync:review",
        also=("Run Full Synchronization", "Initial synchronization", "Recommendations"),
        navigation=50,
    ),
    registry.Entry(
        salespeople_page.TITLE,
        "sync:salespeople",
        group="Administration",
        also=("Couple Salespeople", "Users - Dataverse", "Add Coupled Users to Team", "Salespeople and users"),
    ),
    registry.Entry(
        environment_page.TITLE,
        "sync:environment",
        group="Administration",
        also=("Changed environment", "Another organization", "Point Back", "Copied, restored or reset environment"),
    ),
    registry.Entry(
        coupling_page.TITLE,
        "sync:choose-coupling",
        also=("Couple By Hand", "Couple a record", "Create Here from Dataverse", "Rows not coupled"),
    ),
    registry.Entry(failures_page.TITLE, "sync:failures", also=("Failed records", "Near misses", "Couple to Candidate")),
    registry.Entry(
        history_listing.TITLE,
        "sync:history",
        also=("What was changed", "Before and after", "Put Back", "Changed values"),
    ),
    registry.Entry(conflicts_page.TITLE, "sync:conflicts", also=("Conflicts",)),
    registry.Entry(skipped_page.TITLE, "sync:skipped", also=("Skipped records", "Retry", "Records left out")),
)


_SALESPEOPLE = hooks.Question(
    "salespeople",
    "Map salespeople to Dataverse users?",
    "With the ownership model Person, the user coupled with a record's salesperson owns its row. Yes opens Couple "
    "Dataverse Users with Salespeople; rows of records without a salesperson belong to the owning team.",
    applies=lambda connection: (
        bool(connection.enabled)
        and connection.ownership_model == OwnershipModel.PERSON
        and salespeople.has_mapping(connection.company)
    ),
    yes_url=lambda company: company_url("sync:salespeople", company),
    no="Nobody was coupled. Choose Integration, then Couple Salespeople, when you want to.",
    order=30,
    after_each_test=False,
)


def register() -> None:
    """Register everything; called once, when the app loads."""
    jobs.register(Type.SYNCHRONIZATION, handle, label="synchronization")
    jobs.aged(drop_older)
    jobs.unsettled(needed_jobs)
    jobs.derived_outcomes(Type.SYNCHRONIZATION, SettledPairs())
    jobs.register(Type.RESTORE, put_back, label="values put back")
    jobs.changed_fields(changed_fields)
    jobs.job_actions(job_actions)
    registry.record_section(record_section)
    registry.record_box(record_box)
    _register_full_previews()
    jobs.register(Type.ENVIRONMENT, carry_out, label="environment change")
    field_rules.register()
    foreseen.tell_by(foresee)
    hooks.SYNCHRONIZER.provide(_synchronize_modified)
    jobs.on_tick(_start_due)
    jobs.on_tick(full.on_tick)
    jobs.on_ended(full.on_job_ended)
    jobs.on_ended(schedules.on_job_ended)
    hooks.on_enabled(schedules.begin_again)
    post_save.connect(schedules.note_saved, sender=IntegrationTableMapping)
    _register_waking()
    jobs.schedules(schedules_page.queue_lines)
    jobs.schedule_actions(schedules_page.queue_actions)
    jobs.schedule_notes(schedules_page.wakes_from_dataverse)
    mapping_schedule.show_on_card(schedules_page.card_fields, schedules_page.card_actions, schedules_reading.with_all)
    jobs.outcome_actions(outcome_actions)
    jobs.error_page(_error_page)
    catalog.records_deleted.connect(deletions.note_deleted)
    post_delete.connect(deletions.note_uncoupled, sender=Coupling)
    bulk.deleting.connect(deletions.note_uncoupled_in_bulk, sender=Coupling)
    hooks.COUPLED_USERS.provide(
        hooks.CoupledUsers(salespeople.coupled_users, lambda company: company_url("sync:salespeople", company))
    )
    hooks.add_question(_SALESPEOPLE)
    for entry in _ENTRIES:
        registry.tell_me(entry)
    guide_steps.register()
    alert_facts.register()
    schedule_alerts.register()
    registry.role_center_part(role_center.part, position=10)
    _register_undo()


def _register_undo() -> None:
    jobs.register(Type.UNDO, undo, label="undo of a coupling job")
    jobs.register(Type.UNDO_PREVIEW, preview_undo, label="preview of an undo")
    jobs.job_actions(undo_page.job_actions)
    jobs.on_tick(drop_undo_previews)


def _register_waking() -> None:
    post_save.connect(waking.note_record_saved)
    catalog.records_deleted.connect(waking.note_records_deleted)
    jobs.on_ended(waking.note_import_ended)


def _register_full_previews() -> None:
    jobs.register(Type.FULL_PREVIEW, preview_full, label="preview of the full synchronization")
    jobs.job_actions(preview_page.job_actions)
    jobs.on_tick(drop_expired)


def _error_page(company: Any, job: Job | None) -> str:
    """Return where failed records are settled; "" for a job of which nothing is left to settle there.

    Of a synchronization's failures, those of coupled pairs stand on another list: they are told by the job alone.
    """
    if job is None:
        return company_url("sync:failures", company)
    if job.type != Type.COUPLING or not standing(company).filter(job_id=job.pk).exists():
        return ""
    return company_url("sync:failures", company, query={"job": job.pk})


def _synchronize_modified(company: Any, user: Any) -> int:
    """Queue a synchronization of every mapping, those that others depend on first. Return how many jobs."""
    return len(start.synchronize_in_order(company=company, user=user))


def _start_due(now: datetime) -> None:
    schedules.run_due(now)
