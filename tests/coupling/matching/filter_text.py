"""Whether a row meets a $filter text of contains, startswith and endswith, as the stand-in service reads these."""

import re
from collections.abc import Mapping

from sandbox.base.wildcards import build_text_test

_CALL = re.compile(r"(contains|startswith|endswith)\((\w+),'((?:[^']|'')*)'\)")


def finds(text: str, row: Mapping[str, str]) -> bool:
    """Whether the filter finds the row."""

    def met(call: re.Match[str]) -> str:
        function, column, wanted = call.groups()
        return str(build_text_test(function, wanted.replace("''", "'").casefold())(row[column].casefold()))

    told = _CALL.sub(met, text)
    assert re.fullmatch(r"(True|False|and|or|[() ])+", told), told
    return bool(eval(told))
