"""Legal forms at the end of companies' names: Ltd., GmbH & Co. KG, A/S. No Django."""

_NAMED = (
    "ab ag aktiengesellschaft aps as asa bhd bv bvba co company corp corporation cv doo dooel eeig ehf "
    "eirl eurl ev gbr gesmbh gmbh inc incorporated jsc kft kg kgaa kk lda limitada limited llc llp lp ltd "
    "ltda mbh nv oao ohg ood ooo oy oyj plc pte pty pvt sa sae sapi sarl sas sc sca scop scs se senc sia "
    "sl slu snc soc spa spk spol spzoo srl sro sti tbk uab ug unlimited ver zao zoo zrt"
)
_FORMS = frozenset(_NAMED.split())
_ENDS = frozenset({"", "and", *_FORMS})
_IN_PARTS = frozenset({*(form for form in _FORMS if len(form) > 1), "is", "ks", "ps", "sadecv", "sderldecv", "spolsro"})
"""Forms that are also written as several words: A/S, S. A., Sp. z o.o., S. de R.L. de C.V."""
_LAST_PARTS = frozenset({*(form[-1] for form in _IN_PARTS), "oo", "cv", "ro"})
_MOST_PARTS = 5
JOINED = ".'\u2019`\u00b4"
"""Signs that join letters ("G.m.b.H.", "O'Neil"); every other parts words."""


def without_form(text: str) -> str:
    """Return a text without the legal forms, blanks and "and" at its end. One word is left at least.

    The text is in small letters, its words stand apart by blanks alone.
    """
    head, _, last = text.rpartition(" ")
    while head:
        if last in _LAST_PARTS and (shorter := _without_parts(text)):
            text = shorter
        elif last in _ENDS:
            text = head
        else:
            break
        head, _, last = text.rpartition(" ")
    return text


def _without_parts(text: str) -> str:
    """Return a text without a legal form in several short words; "" where it has none."""
    words = text.split()
    for count in range(min(_MOST_PARTS, len(words) - 1), 1, -1):
        if "".join(words[-count:]) in _IN_PARTS and max(map(len, words[-count:])) < 5:
            return text.rsplit(None, count)[0]
    return ""
