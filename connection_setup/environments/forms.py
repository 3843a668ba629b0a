"""Form of Dataverse User Environments: whose environments are looked for."""

from django import forms

from dataverse import clouds
from dataverse.errors import ConfigurationError


class TenantForm(forms.Form):
    """Where to look."""

    tenant = forms.CharField(
        label="Tenant ID",
        max_length=253,
        required=False,
        help_text="The tenant whose environments you look for: its ID or one of its domains. Leave it empty for the "
        "tenant of the person who signs in; the application must then be registered for accounts in any tenant.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )

    def clean_tenant(self) -> str:
        """Return a tenant, or ""."""
        value: str = self.cleaned_data["tenant"]
        try:
            clouds.authority("commercial", value, "", any_tenant=True)
        except ConfigurationError as error:
            raise forms.ValidationError(error.user_message) from None
        return value
