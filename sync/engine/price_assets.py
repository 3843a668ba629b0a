"""What a line of a price list prices: an item or a resource, whose product it leads to."""

from dataclasses import replace
from typing import Any

from coupling.models import IntegrationTableMapping
from masterdata import catalog
from masterdata.models.sales import AssetType
from masterdata.models.units import source_key
from sync.engine.field_specs import Fields, LinksLoader
from sync.rules.canonical import FieldSpec
from sync.rules.values import Links

_TABLE, _FIELD, _COLUMN = "price_list_line", "asset_key", "productid"


class AssetLinks(LinksLoader):
    """Fills the links between what lines price, such as ITEM 1000, and products."""

    def __init__(self, company: Any, spec: FieldSpec) -> None:
        super().__init__(company, spec, catalog.table("item"))
        self._loaders = [
            (f"{kind.value.upper()} ", LinksLoader(company, spec, catalog.table(kind.value.lower())))
            for kind in (AssetType.ITEM, AssetType.RESOURCE)
        ]

    def load(self, codes: set[str], row_ids: set[str]) -> None:
        """Look up what was not looked up before."""
        for prefix, loader in self._loaders:
            loader.load({code.removeprefix(prefix) for code in codes if code.startswith(prefix)}, row_ids)
            for number, row in loader.partners.items():
                self._add(source_key(prefix.strip(), number), str(row))


def link_assets(fields: Fields, mapping: IntegrationTableMapping) -> None:
    """Have the field with what a price list's line prices lead to products."""
    for name, spec in fields.specs.items() if mapping.table == _TABLE else ():
        if (spec.local_name, spec.column.name) == (_FIELD, _COLUMN):
            loader = AssetLinks(mapping.company, spec)
            fields.links_loaders.append(loader)
            links = Links("item or resource", loader.partners, loader.codes, target="product", table="item")
            fields.specs[name] = replace(spec, links=links)
            return
