"""Page Data Encryption Management: which key encrypts the stored secrets; and the form that enables or changes it."""

from typing import Any

from django.template.defaultfilters import date as formatted_date
from django.utils import timezone

from connection_setup import captions
from connection_setup.encryption import services as encryption
from connection_setup.encryption.forms import KeyForm
from connection_setup.encryption.services import EncryptionState, ResealResult
from connection_setup.secrets.keyring import GRACE_PERIOD, Key, Place
from masterdata.models import Company
from ui.kit import Action, FastTab, Field, Link, Notice, Page, Status, Table, Tip
from ui.links import company_url

TITLE = "Data Encryption Management"
ENABLE, CHANGE = "Enable Encryption", "Change Encryption Key"


def build_page(company: Company, state: EncryptionState) -> Page:
    """Return the page of the whole site, opened in a company."""
    tabs = (_encryption_tab(state), _keys_tab(state), _secrets_tab(state), _what_if_tab(state))
    return Page(
        TITLE,
        company=company,
        crumbs=(Link(captions.TITLE, company_url("connection_setup:setup", company)),),
        state=_status(state),
        help="encryption",
        tip=Tip(
            "What this page does",
            "Client secrets, private keys and passwords are stored encrypted only. This page shows which key encrypts "
            "them, and changes it. It applies to the whole site, to all companies.",
        ),
        actions=_actions(company, state),
        notices=_notices(company, state),
        fast_tabs=tuple(tab for tab in tabs if tab),
    )


def build_form_page(company: Company, form: KeyForm, *, enable: bool) -> Page:
    """Return the page that asks for a key, and says what it will do; enable: encryption is off."""
    title = ENABLE if enable else CHANGE
    common: dict[str, Any] = {
        "title": title,
        "company": company,
        "crumbs": (Link(TITLE, company_url("connection_setup:encryption", company)),),
        "help": "encryption",
    }
    if blocked := encryption.blocked_reason(enable=enable):
        return Page(**common, notices=(Notice(blocked.user_message, "warn", title="Nothing was changed."),))
    return Page(
        **common,
        notices=(
            Notice(
                "Every stored secret is encrypted with the new key at once, while the site runs. The previous key "
                "stays until nothing uses it. Web site and workers must share the state folder. Where they run on "
                "machines that do not, name the key with FIELD_ENCRYPTION_KEYS instead."
            ),
        ),
        fast_tabs=(FastTab("key", "Key", tuple(Field(form_field=field) for field in form)),),
        form_url=company_url(
            "connection_setup:encryption-enable" if enable else "connection_setup:encryption-change", company
        ),
        form_enctype="multipart/form-data",
        submit=Action(title, icon="lock", primary=True),
        cancel=Link("Cancel", company_url("connection_setup:encryption", company)),
    )


def describe_result(result: ResealResult) -> str:
    """Return what a change did, in sentences."""
    encrypted = "1 secret was" if result.resealed == 1 else f"{result.resealed:,} secrets were"
    text = f"{encrypted} encrypted with the key now in use."
    if result.dropped:
        verb = "was" if len(result.dropped) == 1 else "were"
        text += f" {_keys(len(result.dropped))} that nothing uses any more {verb} removed."
    if result.unreadable:
        stayed = "stays as it is" if result.unreadable == 1 else "stay as they are"
        text += f" {_secrets(result.unreadable)} could not be decrypted and {stayed}: see Stored Secrets."
    return text


def describe_disabling(state: EncryptionState) -> str:
    """Return what the question before disabling says."""
    return (
        f"{_secrets(len(state.secrets))} will be encrypted with the key derived from SECRET_KEY. From then on they "
        "depend on it: if SECRET_KEY changes, and the previous one is not named in SECRET_KEY_FALLBACKS, they cannot "
        "be decrypted. The key in use stays until nothing uses it; backups of the database still need it."
    )


def _status(state: EncryptionState) -> Status:
    if state.problem or state.unreadable:
        return Status("Needs attention", "bad")
    if not state.enabled:
        return Status("Not enabled", "warn")
    return Status("Enabled, keys named by FIELD_ENCRYPTION_KEYS" if state.managed_outside else "Enabled", "ok")


def _actions(company: Company, state: EncryptionState) -> tuple[Action, ...]:
    off = (
        "The keys are named by FIELD_ENCRYPTION_KEYS."
        if state.managed_outside
        else ""
        if state.enabled
        else "It is not enabled."
    )
    rotate_off = "" if state.secrets else "Nothing is encrypted yet."
    first = (
        Action(CHANGE, company_url("connection_setup:encryption-change", company), icon="key", off=off)
        if state.enabled and not state.managed_outside
        else Action(
            ENABLE,
            company_url("connection_setup:encryption-enable", company),
            icon="lock",
            off=off if state.managed_outside else "",
        )
    )
    return (
        first,
        Action(
            "Rotate", company_url("connection_setup:encryption-rotate", company), "post", icon="sync", off=rotate_off
        ),
        Action(
            "Disable Encryption",
            company_url("connection_setup:encryption-disable", company),
            icon="disconnect",
            off=off,
            dialog=True,
        ),
    )


def _notices(company: Company, state: EncryptionState) -> tuple[Notice, ...]:
    if state.problem:
        return (Notice(state.problem, "bad", title="The keys cannot be read."),)
    notices = []
    if state.record.offer and state.record.offer == state.keys[0].fingerprint:
        download = Action(
            "Download Encryption Key", company_url("connection_setup:encryption-copy", company), "post", icon="export"
        )
        notices.append(
            Notice(
                "It can be downloaded this once. Keep it apart from the database and its backups: whoever has both can "
                "read the secrets, and without it nobody can.",
                "warn",
                "Keep a copy of the new key.",
                (download,),
            )
        )
    if state.unreadable:
        notices.append(
            Notice(
                f"The key of {_secrets(len(state.unreadable))} is missing. {_recovery_hint(state)}. If SECRET_KEY was "
                "changed, name the previous one in SECRET_KEY_FALLBACKS and restart. Or enter the secrets again on "
                "Dataverse Connection Setup. Until then they stay stored.",
                "bad",
                "Some secrets cannot be decrypted.",
            )
        )
    if state.record.enabled and not state.enabled:
        notices.append(
            Notice(
                f"It was enabled with the key {state.record.fingerprint}, which is neither in the state folder nor in "
                f"FIELD_ENCRYPTION_KEYS. Restore the file, or choose {ENABLE} and give the copy you kept.",
                "bad",
                "The encryption key is missing.",
            )
        )
    elif not state.enabled:
        notices.append(
            Notice(
                "Secrets are encrypted with a key derived from the site's SECRET_KEY. Whoever has SECRET_KEY and a "
                "copy of the database can read them.",
                "warn",
                "Data encryption is not enabled.",
                (Action(ENABLE, company_url("connection_setup:encryption-enable", company)),),
            )
        )
    if state.outdated:
        verb = "is" if len(state.outdated) == 1 else "are"
        notices.append(
            Notice(
                "Choose Rotate to encrypt every secret with the newest key.",
                "warn",
                f"{_secrets(len(state.outdated))} {verb} encrypted with an older key.",
            )
        )
    return tuple(notices)


def _recovery_hint(state: EncryptionState) -> str:
    """Return how a missing key is restored, as a sentence without its full stop."""
    if state.managed_outside:
        return "Add it at the end of FIELD_ENCRYPTION_KEYS and restart"
    return f"Choose {CHANGE if state.enabled else ENABLE} and give the copy you kept"


def _encryption_tab(state: EncryptionState) -> FastTab | None:
    if not state.keys:
        return None
    key = state.keys[0]
    hint = {
        Place.FILE: "In a file of the state folder that only the site's own user can read.",
        Place.ENVIRONMENT: "Managed outside of this site: see the steps below.",
        Place.SECRET_KEY: "Derived when it is needed; it is not stored.",
    }[key.place]
    current = state.count_secrets(key)
    return FastTab(
        "encryption",
        "Encryption",
        (
            Field("Encryption Enabled", "Yes" if state.enabled else "No"),
            Field("Encryption Key Exists", "Yes" if state.enabled else "No"),
            Field("Key", str(key.place), hint=hint),
            Field(
                "Fingerprint", key.fingerprint, copy=True, hint="It identifies the key. The key itself is never shown."
            ),
            Field("In Use Since", _moment(key)),
            Field("Secrets Encrypted", f"{current:,} of {len(state.secrets):,}"),
        ),
        gist=f"{key.place} · {_secrets(current)}",
    )


def _keys_tab(state: EncryptionState) -> FastTab | None:
    if not state.keys:
        return None
    rows = [
        (key.fingerprint, str(key.place), _moment(key), state.count_secrets(key), _use(state, key))
        for key in state.keys
    ]
    if state.unreadable:
        rows.append(("Unknown", "Nowhere", "", len(state.unreadable), Status("Missing", "bad")))
    return FastTab(
        "keys",
        "Keys",
        gist=_keys(len(state.keys)),
        table=Table(
            "Keys, the newest first",
            ("Fingerprint", "Stored In", "Since", "Secrets", "Use"),
            rows,
            numeric=frozenset({3}),
        ),
    )


def _use(state: EncryptionState, key: Key) -> Status:
    if key == state.keys[0]:
        return Status("Encrypts", "ok")
    if state.count_secrets(key):
        return Status("Still needed, rotate", "warn")
    if key.place is not Place.FILE:
        return Status("Decrypts only")
    minutes = int(GRACE_PERIOD.total_seconds() // 60)
    return Status(f"Unused: Rotate removes it, {minutes} minutes after it was replaced")


def _secrets_tab(state: EncryptionState) -> FastTab:
    rows = [
        (secret.company, secret.caption, secret.key.fingerprint if secret.key else Status("Cannot be decrypted", "bad"))
        for secret in state.secrets
    ]
    return FastTab(
        "secrets",
        "Stored Secrets",
        gist=_secrets(len(rows)),
        open=bool(state.unreadable),
        table=Table("Stored secrets", ("Company", "Secret", "Encrypted With"), rows, empty="No secret is stored yet."),
    )


def _what_if_tab(state: EncryptionState) -> FastTab:
    if state.managed_outside:
        steps = [(str(number), text) for number, text in enumerate(_OUTSIDE_STEPS, 1)]
        title = "Change the keys of FIELD_ENCRYPTION_KEYS"
        return FastTab("outside", title, table=Table(title, ("Step", "What to do"), steps, wrap=frozenset({1})))
    secrets = _secrets(len(state.secrets))
    rows = _risks_with_own_key(secrets) if state.enabled else _risks_with_derived_key(secrets)
    title = "What Would Be Lost"
    return FastTab(
        "what-if", title, table=Table(title, ("What Happens", "What It Means"), rows, wrap=frozenset({0, 1}))
    )


_OUTSIDE_STEPS = (
    "Make a key: python -c 'from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())'",
    "Add it after the key in use, separated by a comma, for the web site and all workers, and restart them. Where "
    "FIELD_ENCRYPTION_KEYS_FILE names a file, they read it again by themselves.",
    "Move it to the front, and restart them. New secrets are encrypted with it from now on.",
    "Choose Rotate here, or run manage.py rotate_keys. Every secret is then encrypted with the first key.",
    "Remove the older key once this page shows no secret for it. Earlier backups still need it.",
)


def _risks_with_own_key(secrets: str) -> list[tuple[str, str]]:
    return [
        ("SECRET_KEY changes", "Nothing is lost: no secret depends on it."),
        (
            "The key file is lost",
            f"{secrets} cannot be decrypted until you choose {ENABLE} and give the copy you kept. Without a copy, "
            "enter the secrets again.",
        ),
        (
            "A backup of the database is read",
            "It needs the key of its time: keep older keys as long as the backups.",
        ),
    ]


def _risks_with_derived_key(secrets: str) -> list[tuple[str, str]]:
    return [
        (
            "SECRET_KEY changes",
            f"{secrets} cannot be decrypted until the previous one is named in SECRET_KEY_FALLBACKS. With it nothing "
            "is lost: restart, then choose Rotate. Without it, enter the secrets again.",
        ),
        (
            "SECRET_KEY becomes known",
            "Whoever has a copy of the database as well can read the secrets. With a separate key they could not.",
        ),
        ("A backup of the database is read", "It needs the SECRET_KEY of its time."),
    ]


def _moment(key: Key) -> str:
    return formatted_date(timezone.localtime(key.since), "j M Y H:i") if key.since else ""


def _secrets(count: int) -> str:
    return "1 secret" if count == 1 else f"{count:,} secrets"


def _keys(count: int) -> str:
    return "1 key" if count == 1 else f"{count:,} keys"
