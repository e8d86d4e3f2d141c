#!/usr/bin/env bash
# Resolves the pins anew and writes the hashed requirement files. No URL of an index stands in them.
set -euo pipefail
cd "$(dirname "$0")/.."
resolve() {
  .venv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header "$@"
}
resolve requirements/uv.in -o requirements/uv.txt
resolve pyproject.toml --extra dev -o requirements/dev.txt
resolve requirements/analysis.in -o requirements/analysis.txt
for major in 7 8; do
  resolve --upgrade-package "web3>=$major,<$((major + 1))" pyproject.toml -o "requirements/wheel-web3-$major.txt"
done
npm install --package-lock-only --ignore-scripts --loglevel=error
