#!/usr/bin/env bash
# Sets up one or more parts inside the clone and skips what is up to date.
#   tools/setup.sh node        npm packages and the pinned Solidity compiler
#   tools/setup.sh python      .venv with the client and the development tools
#   tools/setup.sh analysis    .venv-analysis with slither and halmos, whose pins conflict with Ape's
set -euo pipefail
cd "$(dirname "$0")/.."

SOLC_VERSION=0.8.37

missing() {
  printf 'careledger set-up: %s is missing.\n  Get it: %s\n' "$1" "$2" >&2
  exit 2
}

python_command() {
  local candidate
  for candidate in "${PYTHON:-}" python3.13 python3.12 python3.11 python3; do
    if [ -n "$candidate" ] && command -v "$candidate" >/dev/null &&
      "$candidate" -c 'import sys; raise SystemExit(sys.version_info < (3, 11))' 2>/dev/null; then
      printf '%s' "$candidate"
      return
    fi
  done
  missing 'Python 3.11 or newer' 'install python3.11 (or newer) with its venv module from your system, or set PYTHON to one'
}

require_node() {
  command -v node >/dev/null || missing 'Node.js 20 or newer' 'install nodejs and npm from your system, or with a Node version manager'
  node -e 'process.exit(Number(process.versions.node.split(".")[0]) < 20 ? 1 : 0)' ||
    missing "Node.js 20 or newer (found $(node --version))" 'install a newer nodejs, or use a Node version manager'
  command -v npm >/dev/null || missing 'npm' 'install npm; it usually comes with nodejs'
}

fingerprint() { cat "$@" | sha256sum | cut -d' ' -f1; }
up_to_date() { [ -f "$1" ] && [ "$(cat "$1")" = "$2" ]; }

set_up_node() {
  require_node
  local stamp=node_modules/.careledger-stamp print
  print=$(fingerprint package.json package-lock.json .npmrc tools/setup.sh)
  up_to_date "$stamp" "$print" && return
  echo 'set-up: npm packages (about 30 s)'
  npm ci --ignore-scripts --loglevel=error
  if ! [ -x node_modules/.bin/anvil ] && ! command -v anvil >/dev/null; then
    missing 'anvil for this platform' 'install Foundry 1.7.1 or newer, so that anvil and forge are on PATH'
  fi
  mkdir -p .solc
  local native
  native=$(command -v solc || true)
  if [ -n "$native" ] && "$native" --version 2>/dev/null | grep -q "Version: $SOLC_VERSION+"; then
    ln -sfn "$native" ".solc/solc-v$SOLC_VERSION"
  else
    ln -sfn ../tools/solc.js ".solc/solc-v$SOLC_VERSION"
  fi
  unpack_chromium
  echo "$print" >"$stamp"
}

# The browser for the console's tests, out of its package. Where there is no such package, the tests look on PATH.
unpack_chromium() {
  [ -d node_modules/@sparticuz/chromium ] || return 0
  rm -rf .chromium && mkdir .chromium
  TMPDIR="$PWD/.chromium" node --input-type=module \
    -e 'await (await import("@sparticuz/chromium")).default.executablePath()'
}

# Arguments: venv folder, hashed requirements file.
sync_venv() {
  local venv=$1 requirements=$2 python
  python=$(python_command)
  "$python" -c 'import ensurepip, venv' 2>/dev/null ||
    missing "the venv module of $python" "install your system's python3-venv package"
  "$python" -m venv --clear "$venv"
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements/uv.txt
  VIRTUAL_ENV="$PWD/$venv" "$venv/bin/uv" pip install --quiet --no-deps --require-hashes -r "$requirements"
}

set_up_python() {
  local stamp=.venv/.careledger-stamp print
  print=$(fingerprint requirements/uv.txt requirements/dev.txt tools/setup.sh)
  up_to_date "$stamp" "$print" && return
  echo 'set-up: Python packages into .venv (about 40 s)'
  sync_venv .venv requirements/dev.txt
  # A .pth file instead of an editable install: no build step, and the console script stays ours.
  # Its second line lets `ape` find the compiler, which it would otherwise download.
  printf '%s\nimport os; os.environ.setdefault("SOLCX_BINARY_PATH", "%s")\n' "$PWD/python" "$PWD/.solc" \
    >"$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/careledger.pth"
  printf '#!/bin/sh\nexec "%s" -m careledger "$@"\n' "$PWD/.venv/bin/python" >.venv/bin/careledger
  chmod +x .venv/bin/careledger
  echo "$print" >"$stamp"
}

set_up_analysis() {
  local stamp=.venv-analysis/.careledger-stamp print
  print=$(fingerprint requirements/uv.txt requirements/analysis.txt tools/setup.sh)
  up_to_date "$stamp" "$print" && return
  echo 'set-up: slither and halmos into .venv-analysis (about 40 s)'
  sync_venv .venv-analysis requirements/analysis.txt
  echo "$print" >"$stamp"
}

command -v git >/dev/null || missing git 'install git from your system'
for part in "$@"; do
  case $part in
    node | python | analysis) "set_up_$part" ;;
    *) echo "usage: tools/setup.sh [node] [python] [analysis]" >&2; exit 2 ;;
  esac
done
