"""Models of the connection: settings, an administrator's sign-in, enabling, the guide, encryption, Dynamics 365."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils import timezone

from core.refusals import Explained, joined
from masterdata.models import Company


class AuthenticationType(models.TextChoices):
    """How the application signs in."""

    CERTIFICATE = "certificate", "OAuth 2.0, certificate"
    CLIENT_SECRET = "client_secret", "OAuth 2.0, client secret"
    OFFICE365 = "office365", "Office365 (legacy)"


class OwnershipModel(models.TextChoices):
    """Who owns rows that a synchronization creates."""

    TEAM = "team", "Team"
    PERSON = "person", "Person"


class DataverseConnection(models.Model):
    """One company's connection. Secrets are sealed; connection_setup.secrets alone opens them."""

    company = models.OneToOneField(Company, on_delete=models.CASCADE, related_name="connection")
    environment_url = models.CharField("Environment URL", max_length=250, blank=True)
    cloud = models.CharField("Cloud", max_length=16, default="commercial")
    authentication_type = models.CharField(
        "Authentication Type", max_length=16, choices=AuthenticationType, default=AuthenticationType.CLIENT_SECRET
    )
    tenant_id = models.CharField("Tenant ID", max_length=60, blank=True)
    client_id = models.CharField("Client ID", max_length=60, blank=True)
    client_secret = models.BinaryField("Client Secret", blank=True, default=b"", help_text="Sealed.")
    client_secret_expires_on = models.DateField(
        "Client Secret Expires On", null=True, blank=True, help_text="As the registration says; nobody else knows it."
    )
    certificate = models.TextField("Certificate", blank=True, help_text="PEM; its private key is sealed beside it.")
    private_key = models.BinaryField(blank=True, default=b"", help_text="Sealed.")
    certificate_expires_at = models.DateTimeField(null=True, blank=True)
    next_certificate = models.TextField(blank=True, help_text="PEM; made or taken, registered beside the one in use.")
    next_private_key = models.BinaryField(blank=True, default=b"", help_text="Sealed.")
    next_client_id = models.CharField(max_length=60, blank=True, help_text="Where the certificate is another client's.")
    user_name = models.CharField("User Name", max_length=250, blank=True)
    user_password = models.BinaryField(blank=True, default=b"", help_text="Sealed.")
    redirect_url = models.CharField("Redirect URL", max_length=250, blank=True)
    sandbox_ca_file = models.CharField(max_length=500, blank=True, help_text="The authority of a sandbox on loopback.")
    secret_entered_at = models.DateTimeField(
        null=True, blank=True, help_text="When somebody entered the secret in use: what the change log tells of it."
    )
    credential_version = models.PositiveIntegerField(default=0, help_text="Grows with every change of a credential.")

    consented_at = models.DateTimeField("Consented At", null=True, blank=True)
    consented_by = models.CharField("Consented By", max_length=150, blank=True)
    consented_for = models.CharField(
        "Consented For", max_length=400, blank=True, help_text="The environment and application it was given for."
    )
    answers = models.JSONField(
        default=dict, blank=True, help_text="Questions answered once: name -> answer, who, when (hooks.Question)."
    )

    enabled = models.BooleanField("Enabled", default=False)
    enabled_at = models.DateTimeField(null=True, blank=True)
    disable_reason = models.TextField(blank=True)
    ownership_model = models.CharField(
        "Ownership Model", max_length=8, choices=OwnershipModel, default=OwnershipModel.TEAM
    )
    business_unit_id = models.UUIDField(null=True, blank=True)
    business_unit_name = models.CharField("Coupled Business Unit", max_length=160, blank=True)
    owning_team_id = models.UUIDField(null=True, blank=True)
    company_row_id = models.UUIDField(null=True, blank=True, help_text="This company's row in tandem_company.")
    integration_user_id = models.UUIDField(null=True, blank=True)

    organization_id = models.UUIDField(null=True, blank=True)
    organization_name = models.CharField(max_length=200, blank=True)
    enabled_settings = models.JSONField(
        default=dict, blank=True, help_text="The settings that led to that organization when enabled, no secret."
    )
    other_organization_id = models.UUIDField(
        null=True, blank=True, help_text="Another organization that answered when the environment was asked last."
    )
    other_organization_name = models.CharField(max_length=200, blank=True)
    other_organization_url = models.CharField(max_length=250, blank=True)
    other_organization_at = models.DateTimeField(null=True, blank=True, help_text="When it was seen first.")
    base_currency_code = models.CharField(max_length=5, blank=True)
    base_currency_id = models.UUIDField(null=True, blank=True)
    checks = models.JSONField(default=list, blank=True, help_text="The last test's results: name, state, message, fix.")
    checked_at = models.DateTimeField(null=True, blank=True)
    changed_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"{self.company}: {self.environment_url or 'not set up'}"


class WebHook(models.Model):
    """One company's web hook in Dataverse: where it is called, and with which key. See connection_setup.web_hook."""

    company = models.OneToOneField(Company, on_delete=models.CASCADE, related_name="web_hook")
    endpoint_id = models.UUIDField(help_text="Its id in Dataverse, chosen before it is made.")
    organization_id = models.UUIDField(help_text="The organization it is registered in.")
    key = models.BinaryField(blank=True, default=b"", help_text="Sealed: what Dataverse proves itself by.")
    address = models.CharField("Address", max_length=500, blank=True, help_text="The address it is registered with.")
    tables = models.JSONField("Tables", default=list, blank=True, help_text="Those whose changes it is called for.")
    wanted_tables = models.JSONField(default=list, blank=True, help_text="Those that were mapped when it was made.")
    registered_at = models.DateTimeField("Registered At", null=True, blank=True)
    registered_by = models.CharField("Registered By", max_length=150, blank=True)
    leaving_since = models.DateTimeField(null=True, blank=True, help_text="Since when it is to be removed.")
    looked_at = models.DateTimeField(null=True, blank=True, help_text="When the tick looked after it last.")
    called_at = models.DateTimeField("Last Called", null=True, blank=True, help_text="To the minute.")
    problem = models.TextField(blank=True, help_text="Why Dataverse refused it, as people read it.")
    problem_fix = models.TextField(blank=True, help_text="What to do about the problem.")

    def __str__(self) -> str:
        return f"web hook of {self.company}"

    def get_additional_data(self) -> dict[str, int | str]:
        """Return what the audit log keeps beside the id: the company, and what the Change Log calls the row."""
        return {"company_id": self.company_id, "of": "Web Hook"}


class AdministratorSignIn(models.Model):
    """An administrator's sign-in at Microsoft: begun, then used to prepare the environment, then dropped.

    It belongs to one browser session and is taken once. `sealed` holds the flow while the person is away to sign in,
    the person's tokens afterwards, and nothing once it is used up.
    """

    company = models.ForeignKey(Company, on_delete=models.CASCADE, related_name="+")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    state = models.CharField(max_length=64, unique=True, help_text="Digest of the state that comes back.")
    session = models.CharField(max_length=64, help_text="Digest of the browser session it belongs to.")
    environment_url = models.CharField(max_length=250, blank=True)
    tenant = models.CharField(
        max_length=253, blank=True, help_text="Where environments are looked for; else anybody's."
    )
    credential_version = models.PositiveIntegerField()
    in_window = models.BooleanField(default=False, help_text="Whether it happens in a window of its own.")
    return_url = models.CharField(max_length=250)
    origin = models.CharField(
        max_length=250, blank=True, default="", help_text="Where it was begun, if not at the host of the Redirect URL."
    )
    sealed = models.BinaryField(blank=True, default=b"")
    began_at = models.DateTimeField(default=timezone.now)
    signed_in_at = models.DateTimeField(null=True, blank=True)
    name = models.CharField(max_length=250, blank=True, help_text="Who signed in.")
    problem = models.TextField(blank=True, help_text="What did not work, and why, as the user reads it.")
    problem_fix = models.TextField(blank=True, help_text="What to do about the problem.")
    purpose = models.CharField(max_length=16, default="prepare", help_text="Which steps follow.")
    steps = models.JSONField(default=list, blank=True, help_text="The preparation so far: name, state, message, fix.")
    found = models.JSONField(null=True, blank=True, help_text="The environments found; none yet while it is null.")

    class Meta:
        indexes: ClassVar = [models.Index(fields=["session", "company"], name="sign_in_of_session")]

    def __str__(self) -> str:
        return f"{self.name or 'somebody'} for {self.company}"

    @property
    def problem_text(self) -> str:
        """Return what did not work and what to do about it, as one text; "" where nothing went wrong."""
        return joined(self.problem, self.problem_fix)

    def set_problem(self, error: Explained, *, prefix: str = "") -> None:
        """Put what did not work on the record, unsaved. prefix: a sentence before the error's message."""
        self.problem, self.problem_fix = f"{prefix} {error.message}".strip(), error.fix


class EnablingRun(models.Model):
    """The enabling of one company's connection, with the reports of its steps so far, so that it resumes after them.

    It belongs to the settings as they were when it began; other settings mean another run. Nothing in it is secret.
    """

    company = models.OneToOneField(Company, on_delete=models.CASCADE, related_name="+")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    settings_of = models.DateTimeField(help_text="The connection's changed_at when the run began.")
    with_defaults = models.BooleanField(
        default=False, help_text="Whether the default synchronization setup is applied without a question."
    )
    page_url = models.CharField(max_length=250, help_text="The page that shows the run.")
    done_url = models.CharField(max_length=250, help_text="Where it leads once the connection is enabled.")
    steps = models.JSONField(default=list, blank=True, help_text="name, caption, state, message, fix, reason.")
    found = models.JSONField(default=dict, blank=True, help_text="What the steps found and later ones need.")
    in_progress = models.BooleanField(default=False, help_text="Whether the page takes the next step by itself.")
    version = models.PositiveIntegerField(default=0, help_text="Grows with every step that is stored.")
    began_at = models.DateTimeField(default=timezone.now)
    ended_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"enabling {self.company}"


class AssistedSetup(models.Model):
    """A company's progress in the assisted setup guide, beside what the connection itself stores."""

    company = models.OneToOneField(Company, on_delete=models.CASCADE, related_name="+")
    confirmed = models.JSONField(default=list, blank=True, help_text="The steps on which Next was chosen.")
    accepted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+",
        help_text="Who ticked the consent: it is theirs alone.",
    )  # fmt: skip
    without_synchronization = models.BooleanField("Complete setup without synchronization", default=False)
    began_at = models.DateTimeField(default=timezone.now)
    completed_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.company}: {'completed' if self.completed_at else 'not completed'}"


class DataEncryption(models.Model):
    """Whether this site encrypts secrets with a key of its own; one row. No key is in the database.

    Whoever changes keys locks the row, so that one does at a time. `offer` is the fingerprint of the key whose copy has
    not been taken yet: the copy is given out once.
    """

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    enabled = models.BooleanField("Encryption Enabled", default=False)
    fingerprint = models.CharField(max_length=20, blank=True, help_text="Of the key that seals.")
    offer = models.CharField(max_length=20, blank=True, help_text="Of the key whose copy may be taken once.")
    rotated = models.PositiveIntegerField("secrets encrypted again", default=0)
    changed_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"Encryption, {'enabled' if self.enabled else 'not enabled'}"


class Dynamics365Connection(models.Model):
    """Whether a company's connection also serves Dynamics 365 Sales. Address and credentials are the connection's."""

    company = models.OneToOneField(Company, on_delete=models.CASCADE, related_name="dynamics_365")
    enabled = models.BooleanField("Enabled", default=False)
    enabled_at = models.DateTimeField(null=True, blank=True)
    unit_groups = models.BooleanField(
        "Unit Group Mapping",
        default=False,
        help_text="Whether each item and resource has a unit group with its units; off: each unit is a group.",
    )
    extended_prices = models.BooleanField(
        "Extended Prices",
        default=False,
        help_text="Whether price lists and their lines are mapped; off: the prices of customer price groups.",
    )
    checks = models.JSONField(default=list, blank=True, help_text="The last test's results: name, state, message, fix.")
    checked_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.company}: Dynamics 365, {'enabled' if self.enabled else 'not enabled'}"

    def get_additional_data(self) -> dict[str, int | str]:
        """Return what the audit log keeps beside the id: the company, and what the Change Log calls the row."""
        return {"company_id": self.company_id, "of": "Connection Setup"}


class ServiceWait(models.Model):
    """Until when Dataverse asked a user of an environment to send nothing; one row for all processes and machines."""

    key = models.CharField(
        max_length=64, primary_key=True, help_text="Hash of the environment's origin and the user that signs in."
    )
    until = models.DateTimeField()

    def __str__(self) -> str:
        return f"until {self.until:%Y-%m-%d %H:%M:%S}"


class ServiceProcess(models.Model):
    """When a process sent as a user of an environment; those that do now divide what Dataverse recommends it."""

    key = models.CharField(max_length=64, help_text="Hash of the environment's origin and the user that signs in.")
    process = models.CharField(max_length=32)
    seen = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["key", "process"], name="service_process_unique")]

    def __str__(self) -> str:
        return f"{self.process} at {self.seen:%Y-%m-%d %H:%M:%S}"
