"""Languages of an organization, and the captions of what is made in it.

Every label is in the base language, which never changes; a label in a language that is not provisioned is refused for
some kinds of definitions and silently taken for the base language for others. Where this product has a caption in
another provisioned language, it is sent along.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from dataverse.errors import AccessDenied, Gone, Invalid
from dataverse.types import Page

ENGLISH, GERMAN, DANISH = 1033, 1031, 1030
"""Language codes (LCID)."""

CAPTIONS: Mapping[str, Mapping[int, str]] = {
    "Company": {GERMAN: "Unternehmen", DANISH: "Virksomhed"},
    "Companies": {GERMAN: "Unternehmen", DANISH: "Virksomheder"},
    "A company of the business system, with the team that owns what it brings.": {
        GERMAN: "Ein Unternehmen des Geschäftssystems, mit dem Team, dem gehört, was es einbringt.",
        DANISH: "En virksomhed i forretningssystemet med det team, der ejer det, som den tilføjer.",
    },
    "Name": {GERMAN: "Name", DANISH: "Navn"},
    "External Id": {GERMAN: "Externe ID", DANISH: "Eksternt id"},
    "Company Id": {GERMAN: "Unternehmens-ID", DANISH: "Virksomheds-id"},
    "Default Owning Team": {GERMAN: "Standardbesitzerteam", DANISH: "Standardejerteam"},
}
"""English caption -> language -> caption."""


@dataclass(frozen=True, slots=True)
class Languages:
    """The base language and all that are provisioned, the base among them. assumed: the organization names no base."""

    base: int = ENGLISH
    provisioned: tuple[int, ...] = (ENGLISH,)
    assumed: bool = False

    def texts(self, caption: str) -> list[tuple[int, str]]:
        """Return a caption in each language to send, the base language first."""
        known = {ENGLISH: caption, **CAPTIONS.get(caption, {})}
        others = [(one, known[one]) for one in self.provisioned if one != self.base and one in known]
        return [(self.base, known.get(self.base, caption)), *others]

    def label(self, caption: str) -> dict[str, Any]:
        """Return a caption as the metadata takes it (Label)."""
        return {
            "@odata.type": "Microsoft.Dynamics.CRM.Label",
            "LocalizedLabels": [
                {"@odata.type": "Microsoft.Dynamics.CRM.LocalizedLabel", "Label": text, "LanguageCode": language}
                for language, text in self.texts(caption)
            ],
        }

    @property
    def sentence(self) -> str:
        """Return which language labels get."""
        return f"Labels are made in the organization's base language, {name_of(self.base)}."


NAMES: Mapping[int, str] = {ENGLISH: "English", GERMAN: "German", DANISH: "Danish"}


def name_of(language: int) -> str:
    """Return a language as a person reads it, with its code."""
    return f"{NAMES[language]} ({language})" if language in NAMES else f"language {language}"


def of(base: int | None, provisioned: Sequence[int]) -> Languages:
    """Return the languages by what the organization answers; its list may lack the base language."""
    if not base:
        return Languages(ENGLISH, tuple(dict.fromkeys([*provisioned, ENGLISH])), assumed=True)
    return Languages(base, tuple(dict.fromkeys([base, *provisioned])))


class Reads(Protocol):
    """The part of the client that reads them."""

    def first_page(self, entity_set: str, *, select: Sequence[str], filter: str = "") -> Page: ...  # noqa: A002, D102
    def function(self, path: str, **headers: str) -> Any: ...  # noqa: D102


def read(client: Reads) -> Languages:
    """Return the organization's languages, asked for. Raises DataverseError."""
    rows = client.first_page("organizations", select=["languagecode", "localeid"]).rows
    row = rows[0] if rows else {}
    try:
        listed = client.function("RetrieveProvisionedLanguages()")["RetrieveProvisionedLanguages"]
    except (AccessDenied, Gone, Invalid):  # the base language alone is enough
        listed = []
    return of(row.get("languagecode") or row.get("localeid"), [int(one) for one in listed])
