"""The folder of reported files: it stands beside the project, and a fresh clone does not have it."""

import os
from pathlib import Path

import pytest
from django.conf import settings

REPORTS = Path(os.environ.get("REPORTS") or Path(settings.BASE_DIR).parent / "shared" / "data" / "reports")

reported_files = pytest.mark.skipif(not REPORTS.is_dir(), reason="no folder of reported files: set REPORTS to it")
