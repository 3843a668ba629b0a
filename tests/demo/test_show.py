"""What the demo prints: bars on a terminal, plain lines elsewhere."""

from io import StringIO

import pytest

from config.demo.show import Screen
from jobs.models import Job


class Terminal(StringIO):
    def isatty(self):
        return True


@pytest.fixture
def job():
    return Job(
        type="coupling", mapping_name="CUSTOMER", state="in_process",
        phase="Reading accounts", processed=1500, total=3000,
        counters={"total": 3000, "coupled": 1200, "failed": 3},
    )  # fmt: skip


def test_a_terminal_gets_one_bar_that_moves(job):
    out = Terminal()
    screen = Screen(out)
    screen.progress(job)
    screen.progress(job)
    assert "\n" not in out.getvalue()
    assert "[##############..............] Reading accounts, 1,500 of 3,000, 3 failed"[:40] in out.getvalue()
    screen.line("done")
    assert out.getvalue().endswith("\r\x1b[2Kdone\n")


def test_elsewhere_there_are_plain_lines_and_not_too_many(job, monkeypatch):
    out = StringIO()
    monkeypatch.setattr("config.demo.show.time.monotonic", iter(range(900)).__next__)
    screen = Screen(out)
    for _ in range(9):
        screen.progress(job)
    assert len(out.getvalue().splitlines()) == 1
    assert out.getvalue().splitlines() == ["  Coupling of CUSTOMER: Reading accounts, 1,500 of 3,000, 3 failed"]


def test_an_ended_job_leaves_its_numbers_and_why_it_failed(job):
    out = StringIO()
    job.state, job.message = "failed", "Dataverse does not answer."
    Screen(out).done(job)
    assert "Failed" in out.getvalue()
    assert "1,200 coupled, 3 failed" in out.getvalue()
    assert "Dataverse does not answer." in out.getvalue()


def test_a_table_stands_in_line():
    out = StringIO()
    Screen(out).table(("", "first", "again"), [("Coupled", 1234, 0), ("Seconds", 7, 12)])
    assert out.getvalue().splitlines() == [
        "           first  again",
        "  Coupled  1,234      0",
        "  Seconds      7     12",
    ]
