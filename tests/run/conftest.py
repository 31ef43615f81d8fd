"""Fixtures of the job's tests."""

from pathlib import Path

import pytest
from tests.run.support import Job, make_source


@pytest.fixture
def job(tmp_path: Path) -> Job:
    made = Job(tmp_path)
    make_source(made.source, 24)
    return made
