#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# pytest.sh FILE: runs the tests of the package for Python that are in FILE, against the shared library of this build.
# shellcheck source-path=SCRIPTDIR source=../lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh" || exit 1

[[ -n ${PYTHON-} ]] || skip "no python3 here has cffi: the package for Python was not made"
[[ ${QCOW2STREAM_SANITIZE-} != thread ]] || skip "ThreadSanitizer must be in the program that starts, which is python3"
# Sanitizers check themselves that they were there first. Objects that python3 leaves are not ours.
preload=()
if sanitized; then
  need gcc
  preload=("LD_PRELOAD=$(gcc -print-file-name=libasan.so) $(gcc -print-file-name=libstdc++.so.6)"
    "ASAN_OPTIONS=detect_leaks=0:${ASAN_OPTIONS-}" QCOW2STREAM_PRELOADED=1)
fi
export PYTHONPATH=$PYTHON_PACKAGE PYTHONDONTWRITEBYTECODE=1
export LD_LIBRARY_PATH=${C_API_LIBRARY%/*} QCOW2STREAM_LIBRARY_DIR=${C_API_LIBRARY%/*}
"$PYTHON" -c 'import pytest' 2>/dev/null || skip "$PYTHON has no pytest (Debian: python3-pytest)"
status=0
env "${preload[@]}" "$PYTHON" -m pytest -q -rs -p no:cacheprovider --basetemp="$dir/work" "$1" || status=$?
# 5: all of it was skipped.
[[ $status != 5 ]] || exit 77
exit "$status"
