#!/usr/bin/env bash
# Writes the hashed requirement files. No URL of an index stands in them.
set -euo pipefail
cd "$(dirname "$0")/.."
uv() {
  .venv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header "$@"
}
uv requirements/uv.in -o requirements/uv.txt
uv pyproject.toml --extra dev -o requirements/dev.txt
uv requirements/analysis.in -o requirements/analysis.txt
for major in 7 8; do
  uv pyproject.toml --constraint "requirements/web3-$major.in" -o "requirements/wheel-web3-$major.txt"
done
npm install --package-lock-only --ignore-scripts --loglevel=error
