#!/usr/bin/env bash
# The inner loop. Quiet where all is well.
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
mkdir -p build
step 'ruff format' .venv/bin/ruff format --check .
step 'ruff' .venv/bin/ruff check .
step 'mypy --strict' .venv/bin/mypy
step 'forge fmt' forge fmt --check contracts tests/invariant
step 'solhint' npx --no-install solhint --max-warnings 0 'contracts/**/*.sol'
step 'committed ABI is fresh' .venv/bin/python tools/build.py --check
step 'generated docs are fresh' .venv/bin/python tools/docs.py --check
step 'python unit tests' .venv/bin/python -m pytest -q -x -p no:ape_test -m 'not full and not slow' tests/python/test_public_names.py tests/python/chain/test_values.py
