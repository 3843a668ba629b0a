"""Forms of the page Alerts: how often messages go, and a receiver."""

from typing import Any

from django import forms
from django.views.decorators.debug import sensitive_variables

from jobs.alerts import addresses, kinds, secrets
from jobs.models import AlertReceiver, Digest, Way
from masterdata.models import Company


class DigestForm(forms.Form):
    """How often a company's receivers get a message at most."""

    digest = forms.ChoiceField(
        label="Messages", choices=Digest.choices,
        help_text="The first alert after a quiet time goes at once. What comes up within the hour, or the day, is in "
        "one message.",
    )  # fmt: skip


class ReceiverForm(forms.Form):
    """A receiver, new or to be changed: then a blank address and secret of a webhook stay as they are."""

    way = forms.ChoiceField(label="Reached By", choices=Way.choices)
    address = forms.CharField(
        label="Address", max_length=addresses.LONGEST, required=False,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
        help_text="An e-mail address, or the address that takes the webhook: https://alerts.example.com/tandem.",
    )  # fmt: skip
    secret = forms.CharField(
        label="Secret of the Webhook", max_length=secrets.LONGEST, required=False, strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=f"At least {secrets.SHORTEST} characters, random. It signs each message, so that the receiver knows "
        "it is from here. It is stored encrypted and shown nowhere.",
    )  # fmt: skip
    kinds = forms.MultipleChoiceField(
        label="Kinds", required=False, widget=forms.CheckboxSelectMultiple,
        help_text="None ticked: every kind, also those to come.",
    )  # fmt: skip
    mapping = forms.ChoiceField(
        label="Mapping", required=False, help_text="Of one mapping alone, or of the whole company."
    )

    @sensitive_variables()
    def __init__(self, data: Any = None, *, company: Company, receiver: AlertReceiver | None = None) -> None:
        initial: dict[str, Any] = {}
        if receiver is not None:
            initial = {"way": receiver.way, "kinds": receiver.kinds, "mapping": receiver.mapping_name}
            if receiver.way == Way.MAIL:
                initial["address"] = receiver.address
        super().__init__(data, initial=initial)
        names = kinds.names_in(company)
        if receiver is not None and receiver.mapping_name and receiver.mapping_name not in names:
            names.append(receiver.mapping_name)
        self.fields["kinds"].choices = [(kind.name, kind.label) for kind in kinds.all_kinds().values()]  # type: ignore[attr-defined]
        self.fields["mapping"].choices = [("", "The whole company"), *((name, name) for name in names)]  # type: ignore[attr-defined]
        if receiver is not None and receiver.way == Way.WEBHOOK:
            self.fields["address"].help_text = f"Left blank, {receiver.shown_address} stays."
            self.fields["secret"].help_text = "Left blank, it stays as it is."
        elif receiver is None:
            self.fields["address"].required = True

    def refused(self, field: str, why: str) -> None:
        """Show why the receiver cannot be saved, at the field it is about."""
        self.add_error(field if field in self.fields else None, why)
