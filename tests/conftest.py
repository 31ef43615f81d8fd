"""What every test shares: one hypothesis profile, the folder of real files, and no skip without a listed reason."""

from __future__ import annotations

import os
from fnmatch import fnmatch
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings

HERE = Path(__file__).parent
EXPECTED = HERE / "expected_skips.txt"
UNEXPECTED = pytest.StashKey[list[str]]()

# Examples are derived from the test itself, so that a run today equals a run tomorrow; OPSIN_EXAMPLES widens them.
settings.register_profile(
    "opsin",
    derandomize=True,
    database=None,
    deadline=None,
    phases=(Phase.explicit, Phase.generate, Phase.shrink),
    max_examples=int(os.environ.get("OPSIN_EXAMPLES", "12")),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture],
)
settings.load_profile("opsin")


@pytest.fixture(scope="session")
def opsin_data() -> Path:
    """The folder of real test files: OPSIN_DATA, or ../shared/data beside the checkout."""
    places = [Path(os.environ["OPSIN_DATA"])] if "OPSIN_DATA" in os.environ else []
    places += [HERE.parent.parent / "shared" / "data"]
    for place in places:
        if place.is_dir():
            return place
    pytest.skip("no real test files: set OPSIN_DATA")


# --- no skip without a listed reason ------------------------------------------------------------------------------
def expected_skips() -> list[str]:
    """Read the patterns: one a line, `#` begins a comment."""
    lines = (line.partition("#")[0].strip() for line in EXPECTED.read_text(encoding="utf-8").splitlines())
    return [line for line in lines if line]


def pytest_configure(config: pytest.Config) -> None:
    config.stash[UNEXPECTED] = []
    config.pluginmanager.register(_Watch(config), "opsin-skips")


class _Watch:
    """Notes every skip and expected failure whose reason is not listed."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.patterns = expected_skips()

    def _note(self, report: pytest.TestReport | pytest.CollectReport) -> None:
        if not report.skipped:
            return
        reason = getattr(report, "wasxfail", None)
        if reason is None:
            reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        reason = reason.removeprefix("Skipped: ").strip()
        if not any(fnmatch(reason, pattern) for pattern in self.patterns):
            self.config.stash[UNEXPECTED].append(f"{report.nodeid}: {reason or 'no reason given'}")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._note(report)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        self._note(report)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self.config.stash[UNEXPECTED] and session.exitstatus in (pytest.ExitCode.OK, 0):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        found = self.config.stash[UNEXPECTED]
        if found:
            terminalreporter.section("skips that tests/expected_skips.txt does not list", red=True, bold=True)
            for line in found:
                terminalreporter.write_line(line)
