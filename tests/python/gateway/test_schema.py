"""The OpenAPI description, complete and true: schemathesis asks every operation by it, and believes no answer."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from careledger.gateway.access import SCOPES
from careledger.gateway.local import LOCAL_ORGANIZATION, local_settings
from gateway_stage import serve

EXAMPLES, FULL_EXAMPLES = 5, 100
SECONDS = 1_500

CONFIGURATION = """
[checks.positive_data_acceptance]
# What is well-formed may still be no receipt, no bundle of the profile, or a block that is not there yet.
expected-statuses = ["2xx", "3xx", "400", "401", "403", "404", "409", "410", "412", "422", "429", "503"]

[checks.not_a_server_error]
# 503 is what a gateway answers for a part that it was started without, such as an insurer's contracts.
expected-statuses = ["2xx", "3xx", "4xx", "503"]
"""


def check(folder: Path, examples: int, *more: str) -> int:
    """How many cases schemathesis made. Fails with what it found."""
    home = Path(__file__).parent
    (folder / "schemathesis.toml").write_text(CONFIGURATION)
    changes = {"rate_limit": "1000000/minute", "wait_seconds": "1", "token_seconds": "3600"}
    with (
        local_settings(folder) as settings,
        serve(folder, {"ehr": (LOCAL_ORGANIZATION, SCOPES)}, **settings, **changes) as gateway,
    ):
        token = gateway.system().token(" ".join(sorted(SCOPES)))
        program = Path(sys.executable).with_name("schemathesis")
        command = [str(program), "run", f"{gateway.url}/openapi.json", "-H", f"Authorization: Bearer {token}"]
        command += ["--max-examples", str(examples), "--generation-deterministic", "--no-color"]
        environment = {**os.environ, "SCHEMATHESIS_HOOKS": "schema_hooks", "PYTHONPATH": str(home)}
        done = subprocess.run(
            [*command, "--continue-on-failure", "--no-shrink", *more],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-2_000:]
    found = re.search(r"(\d+) generated", done.stdout)
    assert found is not None, done.stdout
    return int(found[1])


def test_no_answer_contradicts_the_description(tmp_path: Path, record_property: Callable[[str, object], None]) -> None:
    cases = check(tmp_path, EXAMPLES, "--phases", "examples,coverage,fuzzing")
    record_property("counted: requests of schemathesis", cases)


@pytest.mark.full
def test_no_answer_contradicts_the_description_at_length(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    cases = check(tmp_path, FULL_EXAMPLES)
    record_property("counted: requests of schemathesis", cases)
