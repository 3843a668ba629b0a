"""Which encoding a text file has: sure, or refused with the choices."""

import pytest

from masterdata.files.encoding import find_encoding
from masterdata.files.reading import read_content
from masterdata.files.types import Kind, Options, Unreadable


@pytest.mark.parametrize(
    ("text", "codec"),
    [
        ("Müller", "cp1252"),
        ("Garçon & Fils; Orléans", "cp1252"),
        ("Peña; Málaga", "cp1252"),
        ("São Paulo; Conceição", "cp1252"),
        ("Bjørn Håkon; Tromsø; Sæther", "cp1252"),
        ("Åse", "cp1252"),
        ("Þórður", "cp1252"),
        ("Žižka s.r.o.; Plzeň", "cp1250"),
        ("Łódzkie Młyny; Łódź", "cp1250"),
        ("Žižka; Łódź", "cp1250"),
        ("Győri Bútor; Füred", "cp1250"),
        ("ООО Ромашка; Москва", "cp1251"),
        ("Київ", "cp1251"),
        ("Αθήνα; Θεσσαλονίκη", "cp1253"),
        ("Preis in €: 5 – „gut“; Köln", "cp1252"),
        ("Łódzkie Młyny; Świętokrzyski; Łódź", "iso8859-2"),
        ("Žižka s.r.o.; Plzeň; Ústí", "iso8859-2"),
        ("Şirketi Güneş; Ağaoğlu; İstanbul", "iso8859-9"),
        ("Жулдыз Ромашка; Москва", "iso8859-5"),
        ("ООО Ромашка; Москва; Щука", "koi8-r"),
        ("ООО Ромашка; Москва; Щука", "cp866"),
        ("Müller Bäckerei; Größe; Österreich", "cp850"),
        ("Müller Ärger Öl", "cp850"),
    ],
)
def test_a_code_page_is_found_by_the_languages_that_can_have_written_it(text, codec):
    content = f"no;name\r\n1;{text}\r\n".encode(codec)
    assert content.decode(find_encoding(content).codec) == content.decode(codec)


@pytest.mark.parametrize(("text", "codec"), [("Bjørn", "cp1252"), ("Peña", "cp1252"), ("Şahin", "cp1254")])
def test_a_text_that_two_code_pages_read_differently_is_refused_with_both_readings(text, codec):
    with pytest.raises(Unreadable) as refused:
        find_encoding(f"no;name\r\n1;{text}\r\n".encode(codec))
    assert f'"{text}" in {codec}' in refused.value.message
    assert "Save it as UTF-8" in refused.value.fix
    assert "--encoding" in refused.value.fix


@pytest.mark.parametrize("codec", ["gb18030", "shift_jis"])
def test_an_encoding_that_no_letter_tells_is_refused_with_the_option(codec):
    with pytest.raises(Unreadable, match="--encoding"):
        find_encoding("no;name\r\n1;株式会社 東京 大阪\r\n".encode(codec))


def test_a_chosen_encoding_counts_and_an_unknown_one_is_refused():
    content = "no;name\n1;Bjørn\n".encode("cp1252")
    (line,) = read_content(content, Options(encoding="cp1252")).lines
    assert line.values == ["1", "Bjørn"]
    for name in ("klingon", "base64"):
        with pytest.raises(Unreadable, match="--encoding"):
            read_content(content, Options(encoding=name))


def test_a_line_that_is_not_in_utf_8_as_the_others_are_is_named_with_its_cell():
    content = "No.;Name;City\nF96;Süd AG;Köln\n".encode() + "F97;Nord GmbH;Münster\n".encode("latin-1")
    good, bad = read_content(content).lines
    assert good.values == ["F96", "Süd AG", "Köln"]
    assert (bad.number, bad.kind(1), bad.kind(2)) == (3, Kind.TEXT, Kind.UNDECODABLE)


def test_a_header_that_is_not_in_the_encoding_refuses_the_file():
    content = "Größe;Name\n".encode("cp1252") + "1;Süd\n".encode()
    with pytest.raises(Unreadable, match="Line 1, the header, is not in UTF-8"):
        read_content(content)
