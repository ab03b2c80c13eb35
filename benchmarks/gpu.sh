#!/usr/bin/env bash
# The check for a graphics card: both backends agree, and seconds of each method. At most 8 minutes.
# Another device may be named: benchmarks/gpu.sh cpu --size 128 --large 256
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
device="${1:-cuda}"
shift || true
PYTHONPATH=. exec timeout 480 "${PYTHON:-.venv/bin/python}" benchmarks/devices.py \
    --device "$device" --minutes 6 "$@"
