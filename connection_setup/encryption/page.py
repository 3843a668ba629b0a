"""Data Encryption Management: what seals the stored secrets, and the form that enables or changes the key."""

from typing import Any

from django import forms
from django.template.defaultfilters import date as formatted_date
from django.utils import timezone

from connection_setup.encryption import services as encryption
from connection_setup.encryption.services import Sealing, State
from connection_setup.secrets.keyring import GRACE_PERIOD, Key, Place
from masterdata.models import Company
from ui.kit import Action, FastTab, Field, Link, Notice, Page, Status, Table, Tip
from ui.links import company_url

TITLE = "Data Encryption Management"
ENABLE, CHANGE = "Enable Encryption", "Change Encryption Key"


class KeyForm(forms.Form):
    """A key to seal with: made here unless one is given. It is written, never shown."""

    key = forms.CharField(
        label="Encryption Key",
        required=False,
        max_length=200,
        help_text="Leave this empty to have a key made, or paste one that you keep: 44 characters that end with =.",
        widget=forms.PasswordInput(render_value=False, attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    key_file = forms.FileField(
        label="Key File",
        required=False,
        help_text="Or choose the file that holds the key.",
        widget=forms.FileInput(attrs={"accept": ".txt,.key,text/plain"}),
    )


def page(company: Company, state: State) -> Page:
    """The page."""
    return Page(
        TITLE,
        company=company,
        crumbs=(Link("Dataverse Connection Setup", company_url("connection_setup:setup", company)),),
        state=_standing(state),
        help="encryption",
        tip=Tip(
            "What this page does",
            "Client secrets, private keys and passwords are never stored as they are. This page says which key seals "
            "them, and changes it. It counts for the whole site, all companies.",
        ),
        actions=_actions(company, state),
        notices=_notices(company, state),
        fast_tabs=tuple(
            tab for tab in (_encryption_tab(state), _keys_tab(state), _secrets_tab(state), _what_if_tab(state)) if tab
        ),
    )


def form_page(company: Company, form: KeyForm, *, enable: bool) -> Page:
    """What enabling or changing asks for, and what it will do."""
    why = encryption.why_not(enable=enable)
    title = ENABLE if enable else CHANGE
    common: dict[str, Any] = {
        "title": title,
        "company": company,
        "crumbs": (Link(TITLE, company_url("connection_setup:encryption", company)),),
    }
    if why:
        return Page(**common, help="encryption", notices=(Notice(why, "warn", title="Nothing was changed."),))
    return Page(
        **common,
        help="encryption",
        notices=(
            Notice(
                "Every stored secret is sealed with the new key at once, while the site runs. The key before stays "
                "until nothing uses it. Web site and workers must share the state folder; where they run on machines "
                "that do not, name the key with FIELD_ENCRYPTION_KEYS instead."
            ),
        ),
        fast_tabs=(FastTab("key", "Key", tuple(Field(form_field=one) for one in form)),),
        form_url=company_url(
            "connection_setup:encryption-enable" if enable else "connection_setup:encryption-change", company
        ),
        form_enctype="multipart/form-data",
        submit=Action(title, icon="lock", primary=True),
        cancel=Link("Cancel", company_url("connection_setup:encryption", company)),
    )


def told(done: Sealing) -> str:
    """What a change did, in a sentence."""
    sealed = "1 secret was" if done.resealed == 1 else f"{done.resealed:,} secrets were"
    text = f"{sealed} sealed with the key now in use."
    if done.dropped:
        text += f" {_keys(len(done.dropped))} that nothing uses any more {'was' if len(done.dropped) == 1 else 'were'}"
        text += " taken out."
    if done.lost:
        stayed = "it was" if done.lost == 1 else "they were"
        text += f" {_secrets(done.lost)} could not be opened and stayed as {stayed}: see Stored Secrets."
    return text


def what_disabling_does(state: State) -> str:
    """What the question before disabling says."""
    return (
        f"{_secrets(len(state.secrets))} will be sealed with the key that follows from SECRET_KEY. From then on they "
        "depend on it: if SECRET_KEY changes and the one before is not named in SECRET_KEY_FALLBACKS, they cannot be "
        "opened. The key in use stays until nothing uses it; backups of the database still need it."
    )


def _standing(state: State) -> Status:
    if state.problem or state.lost:
        return Status("Needs attention", "bad")
    if not state.enabled:
        return Status("Not enabled", "warn")
    return Status("Enabled, keys named by FIELD_ENCRYPTION_KEYS" if state.outside else "Enabled", "ok")


def _actions(company: Company, state: State) -> tuple[Action, ...]:
    off = "Named by FIELD_ENCRYPTION_KEYS" if state.outside else "" if state.enabled else "It is not enabled."
    rotate = "" if state.secrets else "Nothing is sealed yet."
    first = (
        Action(CHANGE, company_url("connection_setup:encryption-change", company), icon="key", off=off)
        if state.enabled and not state.outside
        else Action(
            ENABLE,
            company_url("connection_setup:encryption-enable", company),
            icon="lock",
            off=off if state.outside else "",
        )
    )
    return (
        first,
        Action("Rotate", company_url("connection_setup:encryption-rotate", company), "post", icon="sync", off=rotate),
        Action(
            "Disable Encryption",
            company_url("connection_setup:encryption-disable", company),
            icon="disconnect",
            off=off,
            dialog=True,
        ),
    )


def _notices(company: Company, state: State) -> tuple[Notice, ...]:
    if state.problem:
        return (Notice(state.problem, "bad", title="The keys cannot be read."),)
    found = []
    if state.decided.offer and state.decided.offer == state.ring[0].fingerprint:
        copy = Action(
            "Download Encryption Key", company_url("connection_setup:encryption-copy", company), "post", icon="export"
        )
        found.append(
            Notice(
                "It is offered this once. Keep it apart from the database and its backups: whoever has both can read "
                "the secrets, and without it nobody can.",
                "warn",
                "Keep a copy of the new key.",
                (copy,),
            )
        )
    if state.lost:
        found.append(
            Notice(
                f"The key of {_secrets(len(state.lost))} is not here. {_mend(state)}; after a change of SECRET_KEY "
                "name the one before in SECRET_KEY_FALLBACKS and start again; or enter them anew on Dataverse "
                "Connection Setup. Until then they stay stored.",
                "bad",
                "Some secrets cannot be opened.",
            )
        )
    if state.decided.enabled and not state.enabled:
        found.append(
            Notice(
                f"It was enabled with the key {state.decided.fingerprint}, which is neither in the state folder nor in "
                f"FIELD_ENCRYPTION_KEYS. Put the file back, or choose {ENABLE} and give the copy you kept.",
                "bad",
                "The encryption key is missing.",
            )
        )
    elif not state.enabled:
        found.append(
            Notice(
                "Secrets are sealed all the same, with a key that follows from the site's SECRET_KEY. Whoever has "
                "SECRET_KEY and a copy of the database can read them.",
                "warn",
                "Data encryption is not enabled.",
                (Action(ENABLE, company_url("connection_setup:encryption-enable", company)),),
            )
        )
    if state.older:
        verb = "is" if len(state.older) == 1 else "are"
        found.append(
            Notice(
                "Choose Rotate to seal everything with the newest key.",
                "warn",
                f"{_secrets(len(state.older))} {verb} sealed with an older key.",
            )
        )
    return tuple(found)


def _mend(state: State) -> str:
    """How a key that is not here is brought back."""
    if state.outside:
        return "Add it at the end of FIELD_ENCRYPTION_KEYS and start again"
    return f"Choose {CHANGE if state.enabled else ENABLE} and give the copy you kept"


def _encryption_tab(state: State) -> FastTab | None:
    if not state.ring:
        return None
    key = state.ring[0]
    hint = {
        Place.FILE: "In a file of the state folder that only the site's own user can read.",
        Place.ENVIRONMENT: "Managed outside: see the steps below.",
        Place.SECRET_KEY: "Derived; nothing is stored for it.",
    }[key.place]
    current = state.count(key)
    return FastTab(
        "encryption",
        "Encryption",
        (
            Field("Encryption Enabled", "Yes" if state.enabled else "No"),
            Field("Encryption Key Exists", "Yes" if state.enabled else "No"),
            Field("Key", str(key.place), hint=hint),
            Field("Fingerprint", key.fingerprint, copy=True, hint="What the key is known by. The key is never shown."),
            Field("In Use Since", _moment(key)),
            Field("Secrets Sealed", f"{current:,} of {len(state.secrets):,}"),
        ),
        gist=f"{key.place} · {_secrets(current)}",
    )


def _keys_tab(state: State) -> FastTab | None:
    if not state.ring:
        return None
    rows = [(key.fingerprint, str(key.place), _moment(key), state.count(key), _use(state, key)) for key in state.ring]
    if state.lost:
        rows.append(("Unknown", "Not here", "", len(state.lost), Status("Missing", "bad")))
    return FastTab(
        "keys",
        "Keys",
        gist=_keys(len(state.ring)),
        table=Table("Keys, the newest first", ("Fingerprint", "Kept In", "Since", "Secrets", "Use"), rows,
                    numeric=frozenset({3})),
    )  # fmt: skip


def _use(state: State, key: Key) -> Status:
    if key == state.ring[0]:
        return Status("Seals", "ok")
    if state.count(key):
        return Status("Still needed, rotate", "warn")
    if key.place is not Place.FILE:
        return Status("Opens only")
    minutes = int(GRACE_PERIOD.total_seconds() // 60)
    return Status(f"Unused: Rotate takes it out, {minutes} minutes after it was replaced")


def _secrets_tab(state: State) -> FastTab:
    rows = [
        (one.company, one.caption, one.key.fingerprint if one.key else Status("Cannot be opened", "bad"))
        for one in state.secrets
    ]
    return FastTab(
        "secrets",
        "Stored Secrets",
        gist=_secrets(len(rows)),
        open=bool(state.lost),
        table=Table("Stored secrets", ("Company", "Secret", "Sealed With"), rows, empty="No secret is stored yet."),
    )


def _what_if_tab(state: State) -> FastTab:
    stored = _secrets(len(state.secrets))
    if state.outside:
        title, head = "Change the keys of FIELD_ENCRYPTION_KEYS", ("Step", "What to do")
        rows: list[tuple[str, str]] = [
            ("1", "Make a key: python -c "
                  "'from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())'"),
            ("2", "Put it behind the key in use, after a comma, for the web site and all workers, and start them "
                  "again. Where FIELD_ENCRYPTION_KEYS_FILE names a file, they read it anew by themselves."),
            ("3", "Put it in front, and start them again. New secrets are sealed with it from now on."),
            ("4", "Choose Rotate here, or run manage.py rotate_keys. Every secret is then sealed with the first key."),
            ("5", "Take the older key out once this page shows no secret for it. Backups of before still need it."),
        ]  # fmt: skip
        return FastTab("outside", title, table=Table(title, head, rows, wrap=frozenset({1})))
    if state.enabled:
        rows = [
            ("SECRET_KEY changes", "Nothing is lost: no secret depends on it."),
            ("The key file is lost", f"{stored} cannot be opened until the copy you kept is put back with "
                                     f"{ENABLE}. Without a copy they have to be entered anew."),
            ("A backup of the database is read", "Only with the key of its time: keep older keys as long as backups."),
        ]  # fmt: skip
    else:
        rows = [
            ("SECRET_KEY changes", f"{stored} cannot be opened until the one before is named in SECRET_KEY_FALLBACKS. "
                                   "With it nothing is lost: start again, then choose Rotate. Without it they have to "
                                   "be entered anew."),
            ("SECRET_KEY becomes known", "Whoever has a copy of the database as well can read the secrets. With a key "
                                         "of its own they could not."),
            ("A backup of the database is read", "Only with the SECRET_KEY of its time."),
        ]  # fmt: skip
    title = "What Would Be Lost"
    return FastTab(
        "what-if", title, table=Table(title, ("What Happens", "What It Means"), rows, wrap=frozenset({0, 1}))
    )


def _moment(key: Key) -> str:
    return formatted_date(timezone.localtime(key.since), "j M Y H:i") if key.since else ""


def _secrets(count: int) -> str:
    return "1 secret" if count == 1 else f"{count:,} secrets"


def _keys(count: int) -> str:
    return "1 key" if count == 1 else f"{count:,} keys"
