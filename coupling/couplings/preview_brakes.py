"""The brakes of a preview's page: its limits, how much of each is reached, and the form that changes them."""

from typing import Any

from django import forms

from core.words import counted
from coupling.brakes import Brakes
from coupling.couplings.foreseen import kept_of
from coupling.couplings.preview_services import would_fail
from coupling.couplings.preview_store import PreviewTicks, brakes_of, count_matched
from coupling.matching.previewed import Found
from coupling.models import CouplingPreview
from ui.kit import FactBox
from ui.links import company_url


class BrakesForm(forms.Form):
    """Above how many records coupling stops before it writes."""

    stop_above = forms.IntegerField(label="Created, at most", required=False, min_value=0, max_value=1_000_000_000)
    stop_above_percent = forms.IntegerField(label="Created, at most (%)", required=False, min_value=0, max_value=100)
    stop_coupled_above = forms.IntegerField(
        label="Coupled, at most", required=False, min_value=0, max_value=1_000_000_000
    )
    stop_failed_percent = forms.IntegerField(label="Failing, at most (%)", required=False, min_value=0, max_value=100)
    stop_blanked_above = forms.IntegerField(
        label="Fields blanked, at most", required=False, min_value=0, max_value=1_000_000_000
    )

    @property
    def brakes(self) -> Brakes:
        """The brakes that were entered."""
        names = ("stop_above", "stop_above_percent", "stop_coupled_above")
        return Brakes(*(self.cleaned_data.get(name) for name in names))

    @property
    def further(self) -> dict[str, int | None]:
        """The limits that a preview has beside them."""
        return {name: self.cleaned_data.get(name) for name in ("stop_failed_percent", "stop_blanked_above")}


def brakes_box(preview: CouplingPreview, ticks: PreviewTicks, entered: BrakesForm | None, *, off: bool) -> FactBox:
    """Return the box of the brakes. off: whether they can be changed; entered: as they were, where they are wrong."""
    brakes, total = brakes_of(preview), count_matched(preview)
    initial = {
        "stop_above": brakes.created,
        "stop_above_percent": brakes.created_percent,
        "stop_coupled_above": brakes.coupled,
        "stop_failed_percent": preview.stop_failed_percent,
        "stop_blanked_above": preview.stop_blanked_above,
    }
    rows = [
        _braked("Would be created", ticks.count_created(), brakes.most_created(total)),
        _braked("Would be coupled", ticks.count(Found.COUPLE), brakes.coupled),
        *_failing(preview, ticks, total),
    ]
    foreseen = kept_of(preview)
    if foreseen.all:
        rows.append(_braked("Fields blanked", foreseen.blanked, preview.stop_blanked_above))
    return FactBox(
        "Brakes",
        template="coupling/couplings/preview_brakes.html",
        context={
            "rows": rows,
            "form": None if off else entered or BrakesForm(initial=initial, auto_id="brake_%s"),
            "wrong": entered is not None,
            "url": company_url("coupling:set-preview-brakes", preview.mapping.company, preview=preview.pk),
        },
    )


def _failing(preview: CouplingPreview, ticks: PreviewTicks, total: int) -> list[dict[str, Any]]:
    """Return the line of those that would fail, with the reasons."""
    by_reason = would_fail(preview, ticks)
    count, most = by_reason.total(), preview.stop_failed_percent
    line = _braked("Would fail", round(100 * count / max(total, 1)), most, unit=" %")
    line["notes"] = [f"{number:,}: {reason}" for reason, number in by_reason.most_common()]
    line["text"] = f"{counted(count, 'record')}, {line['text']}" if count else line["text"]
    return [line]


def _braked(caption: str, count: int, most: int | None, *, unit: str = "") -> dict[str, Any]:
    """Return a line of the brakes: how much of the limit is reached, drawn as a bar of 100."""
    if most is None:
        return {"caption": caption, "text": f"{count:,}{unit}, no limit", "width": "", "look": ""}
    width = 100.0 if count > most else 100.0 * count / max(most, 1)
    look = "bad" if count > most else "warn" if width >= 80 else "ok"
    return {"caption": caption, "text": f"{count:,}{unit} of {most:,}{unit}", "width": f"{width:.2f}", "look": look}
