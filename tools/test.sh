#!/usr/bin/env bash
# Every check and test. Two lanes side by side, contracts and Python, each in a log that is printed if it fails.
#   tools/test.sh         the counts of every day
#   tools/test.sh full    every count that the project promises
set -euo pipefail
cd "$(dirname "$0")/.."
mkdir -p build
started=$SECONDS

# Hundreds of tests start processes: what one has compiled, the others read.
unset PYTHONDONTWRITEBYTECODE
export PYTHONPYCACHEPREFIX=$PWD/build/pycache

if [ "${1:-}" = full ]; then
  export FOUNDRY_FUZZ_RUNS=10000 FOUNDRY_INVARIANT_RUNS=32 FOUNDRY_INVARIANT_DEPTH=200
  full=(--full)
  deadline=6h
else
  full=()
  deadline=75m
fi

tools/check.sh static

contracts_lane() {
  forge test --summary
  .venv/bin/python tools/coverage.py
  .venv/bin/python tools/analyze.py
}

# In the order of collection, which tests/conftest.py has begin with what takes longest. A test that hangs fails by its
# own limit (pyproject.toml); a run that hangs is interrupted, and says how far it came.
python_lane() {
  local code=0
  timeout --foreground --signal=INT --kill-after=2m "$deadline" \
    .venv/bin/python -m pytest -q -n "${WORKERS:-4}" --dist loadfile --no-loadscope-reorder "${full[@]}" || code=$?
  [ "$code" = 1 ] || return "$code"
  again_alone
}

# Tests that wait for processes and blocks can run out of time on a machine that is too busy. The few that failed run
# once more, with nothing beside them: what fails again has failed, and what passes is named, to be looked into.
MOST_AGAIN=5
again_alone() {
  local failed
  failed=$(.venv/bin/python -m pytest -q --last-failed --collect-only "${full[@]}" 2>/dev/null | grep '::' || true)
  if [ -z "$failed" ] || [ "$(wc -l <<<"$failed")" -gt "$MOST_AGAIN" ]; then
    return 1
  fi
  tail --pid="$contracts" -f /dev/null
  echo "test: these failed beside others and run again alone:"
  sed 's/^/  /' <<<"$failed"
  timeout --foreground --signal=INT --kill-after=2m 30m .venv/bin/python -m pytest -q --last-failed "${full[@]}"
}

contracts_lane >build/test-contracts.log 2>&1 &
contracts=$!
failed=0
python_lane 2>&1 | tee build/test-python.log || failed=1
wait "$contracts" || { cat build/test-contracts.log; failed=1; echo 'test: the contracts lane failed' >&2; }

echo
.venv/bin/python tools/counts.py build/test-contracts.log build/test-python.log
echo "test: $((SECONDS - started)) s"
exit "$failed"
