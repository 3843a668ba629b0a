"""Workbooks made by hand, as no program writes them."""

import zipfile
from io import BytesIO

HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"


def text(reference, value):
    return f'<c r="{reference}" t="inlineStr"><is><t>{value}</t></is></c>'


def row(number, *cells):
    return f'<row r="{number}">{"".join(cells)}</row>'


HEADER = row(1, text("A1", "No."), text("B1", "Name"), text("C1", "City"))


def workbook(*rows, before="", dimension="", texts="", texts_at="", sheets=(("Sheet", "visible"),), others=None):
    """Return a workbook of such rows: `before` stands above the sheet's root, `texts` are the shared ones.

    texts_at: where these are said to be, without being put there.
    """
    sheet = f'{HEAD}{before}<worksheet xmlns="{MAIN}">{dimension}<sheetData>{"".join(rows)}</sheetData></worksheet>'
    named = "".join(
        f'<sheet name="{name}" sheetId="{n}" state="{state}" r:id="r{n}"/>' for n, (name, state) in enumerate(sheets, 1)
    )
    relations = "".join(
        f'<Relationship Id="r{n}" Type="{OFFICE}/worksheet" Target="worksheets/sheet{n}.xml"/>'
        for n in range(1, len(sheets) + 1)
    )
    if texts or texts_at:
        target = texts_at or "sharedStrings.xml"
        relations += f'<Relationship Id="t" Type="{OFFICE}/sharedStrings" Target="{target}"/>'
    parts = {
        "_rels/.rels": f'{HEAD}<Relationships xmlns="{PACKAGE}"><Relationship Id="a" Type="{OFFICE}/officeDocument" '
        'Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'{HEAD}<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}"><sheets>{named}</sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'{HEAD}<Relationships xmlns="{PACKAGE}">{relations}</Relationships>',
        f"xl/worksheets/sheet{len(sheets)}.xml": sheet,
        **({"xl/sharedStrings.xml": f'{HEAD}<sst xmlns="{MAIN}">{texts}</sst>'} if texts else {}),
        **(others or {}),
    }
    out = BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in parts.items():
            packed.writestr(name, content)
    return out.getvalue()
