#!/bin/sh
# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Prints the path of the first Python of the versions asked for that really runs and can make a virtual environment:
#   python.sh 3.13 3.12 3.11
# A shim (pyenv, asdf) that is on PATH but does not run is passed over; pyenv's own versions are looked at as well.
# --optional: prints nothing, and is no error, where there is none. Else Debian's venv package is installed when this
# is root on Debian, and otherwise what is missing is said.
set -eu

optional=no
if [ "${1-}" = --optional ]; then
    optional=yes
    shift
fi

candidates() {
    for version in "$@"; do
        printf '%s\n' "python$version" "/usr/bin/python$version"
        for found in "${PYENV_ROOT:-$HOME/.pyenv}/versions/$version".*/bin/python"$version"; do
            if [ -x "$found" ]; then printf '%s\n' "$found"; fi
        done
    done
    printf '%s\n' python3 /usr/bin/python3
}

# $1: a module that the interpreter must have; the rest: versions that will do, best first. Prints its real path.
first() {
    module=$1
    shift
    for candidate in $(candidates "$@"); do
        "$candidate" -c '
import importlib, sys
importlib.import_module(sys.argv[1])
if "%d.%d" % sys.version_info[:2] not in sys.argv[2:]:
    sys.exit(1)
print(getattr(sys, "_base_executable", sys.executable))
' "$module" "$@" 2>/dev/null && return 0
    done
    return 1
}

first ensurepip "$@" && exit 0
[ "$optional" = no ] || exit 0

bare=$(first sys "$@") || bare=
if [ -z "$bare" ]; then
    echo "No Python of $* runs here. Install one of them (Debian 12: apt-get install python3 python3-venv)." >&2
    exit 1
fi
if [ "$(id -u)" = 0 ] && [ -e /etc/debian_version ]; then
    echo "$bare cannot make virtual environments yet: installing Debian's python3-venv" >&2
    export DEBIAN_FRONTEND=noninteractive
    { apt-get install -qq -y python3-venv || { apt-get update -qq && apt-get install -qq -y python3-venv; }; } >&2 || true
    first ensurepip "$@" && exit 0
fi
echo "$bare cannot make virtual environments: its ensurepip is missing (Debian, as root: apt-get install python3-venv)." >&2
exit 1
