#!/bin/sh
# Install the vendor's client into a folder of its own and let it talk to a sandbox. Needs Node 20 or newer and npm.
# The sandbox listens on 127.0.0.1; nothing but the installation leaves this machine.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
command -v npm >/dev/null || { echo "This needs Node and npm. Install them, or leave this check out." >&2; exit 1; }
folder=$(mktemp -d)
sandbox=
trap 'test -z "$sandbox" || kill "$sandbox" 2>/dev/null; rm -rf "$folder"' EXIT INT TERM
cp "$here/package.json" "$here/check.js" "$folder"
(cd "$folder" && npm install --no-audit --no-fund --silent)
"${PYTHON:-.venv/bin/python}" -m automations.sandbox --empty --port 0 --clevertap-port 0 > "$folder/out" &
sandbox=$!
tries=0
until grep -q 'Sandbox CleverTap' "$folder/out"; do
  tries=$((tries + 1))
  test "$tries" -lt 100 || { echo "The sandbox did not start." >&2; exit 1; }
  sleep 0.1
done
address=$(sed -n 's/^Sandbox Pipedrive *\(http.*\)\/$/\1/p' "$folder/out")
node "$folder/check.js" "$address" sandbox-token
