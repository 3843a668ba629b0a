"""Match-based coupling the slow way: every record against every row, value by value; the matcher's witness."""

from coupling.matching import compare


def decide(groups, locals_, rows, coupled=(), blank_is_no_match=False, country=""):
    """Return, per local record, (result, row id or None, [(priority, how many rows, result)]).

    locals_ and rows: (id, values) in order; coupled: ids of rows coupled already.
    """

    def texts(criterion, value):
        further = compare.further_columns(criterion, country, [value])
        return {compare.canonical_column(criterion, country)([value])[0], *(column[0] for column in further)}

    def same(criterion, mine, theirs):
        return bool(texts(criterion, mine[criterion.local]) & texts(criterion, theirs[criterion.integration]))

    def blank(criterion, values):
        return compare.canonical_column(criterion, country)([values[criterion.local]])[0] == ""

    taken = set(coupled)
    trails = {record: [] for record, _ in locals_}
    got = {}
    for group in groups:
        for record, mine in locals_:
            if record in got:
                continue
            filled = [criterion for criterion in group.criteria if not blank(criterion, mine)]
            if not filled or (blank_is_no_match and len(filled) < len(group.criteria)):
                trails[record].append((group.priority, 0, "blank"))
                continue
            met = [row for row, theirs in rows if all(same(criterion, mine, theirs) for criterion in filled)]
            if not met:
                result = "no_match"
            elif len(met) > 1:
                result = "multiple_matches"
            elif met[0] in taken:
                result = "already_coupled"
            else:
                result = "coupled"
                got[record] = met[0]
                taken.add(met[0])
            trails[record].append((group.priority, len(met), result))
    answers = {}
    for record, trail in trails.items():
        results = [result for _, _, result in trail]
        if record in got:
            shown = "coupled"
        elif "multiple_matches" in results:
            shown = "multiple_matches"
        elif "already_coupled" in results:
            shown = "already_coupled"
        else:
            shown = "no_match"
        answers[record] = (shown, got.get(record), trail)
    return answers
