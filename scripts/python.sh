# Sets PYTHON to an interpreter that Roost runs on. Sourced by scripts/run and scripts/test.

find_python() {
    for PYTHON in "$ROOT/.venv/bin/python" python3 python3.14 python3.13 python3.12 python3.11 python; do
        if "$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
            return
        fi
    done
    echo "Roost needs Python 3.11 or newer, and there is none on PATH. Install one, then run this again." >&2
    exit 1
}
