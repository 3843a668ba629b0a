"""The Enabled switch, which several pages share."""

from django import forms


class EnabledForm(forms.Form):
    """The switch alone, while all else is locked."""

    enabled = forms.BooleanField(label="Enabled", required=False)


def enabled_switch(url: str, *, enabled: bool) -> forms.BoundField:
    """Return the Enabled switch. With scripts it posts to `url` at once; without, the form's button sends it."""
    form = EnabledForm(initial={"enabled": enabled})
    form.fields["enabled"].widget.attrs.update(
        {"hx-post": url, "hx-trigger": "change", "hx-swap": "none", "hx-sync": "this:drop", "autocomplete": "off"}
    )
    return form["enabled"]
