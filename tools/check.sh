#!/usr/bin/env bash
# The inner loop. Quiet where all is well.
#   tools/check.sh           formats, lints, types, stale files, quick tests
#   tools/check.sh static    without the tests, for who runs all of them after it
set -euo pipefail
cd "$(dirname "$0")/.."
step() {
  local name=$1 started
  shift
  started=$(date +%s%N)
  if ! "$@" >build/check.log 2>&1; then
    cat build/check.log
    echo "check: $name failed: $*" >&2
    exit 1
  fi
  printf 'check: %-28s %5.1f s\n' "$name" "$((($(date +%s%N) - started) / 100000000))e-1"
}
test_names_differ() {
  local twice
  twice=$(find tests/python -name 'test_*.py' -printf '%f\n' | sort | uniq -d)
  [ -z "$twice" ] || { echo "pytest imports by file name, and there are two of: $twice" && false; }
}
mkdir -p build
step 'names of test files' test_names_differ
step 'ruff format' .venv/bin/ruff format --check .
step 'ruff' .venv/bin/ruff check .
step 'mypy --strict' .venv/bin/mypy
step 'forge fmt' forge fmt --check contracts tests/invariant
step 'solhint' npx --no-install solhint --disc --noPoster --max-warnings 0 'contracts/**/*.sol'
step 'committed ABI is fresh' .venv/bin/python tools/build.py --check
step 'generated docs are fresh' .venv/bin/python tools/docs.py --check
if [ "${1:-}" = static ]; then
  exit
fi
step 'contracts: unit tests' forge test --no-match-test 'invariant_|test_handler'
step 'client: unit tests' .venv/bin/python -m pytest -q -x -m 'not full' tests/python/test_public_names.py \
  tests/python/chain/test_{values,artifacts,reverts}.py tests/python/identity/test_identifiers.py tests/contracts/test_trees.py
