#!/usr/bin/env bash
# Finds what building and running Warifu needs, installs what is missing where it may, and says exactly what to install
# where it may not. Usage: scripts/setup.sh [demo|test]
set -euo pipefail
purpose=${1:-demo}

missing=()
need() { # PACKAGE TEST...
    local package=$1; shift
    if ! "$@" >/dev/null 2>&1; then missing+=("$package"); fi
}
has() { command -v "$1"; }

if ! has cargo >/dev/null; then
    echo "setup: Rust is missing. Install it with rustup (https://rustup.rs), then run this again." >&2
    exit 1
fi

need build-essential has cc
need pkg-config has pkg-config
need npm has npm
need python3-pip python3 -m pip --version
need fonts-ocr-b test -e /usr/share/fonts/opentype/ocr-b/OCRB.otf
need fonts-dejavu-core test -e /usr/share/fonts/truetype/dejavu/DejaVuSans.ttf
# josekit, the second opinion on our JWE in the tests, links OpenSSL; tests and demo share one build.
need libssl-dev pkg-config --exists openssl

# The browser journeys are skipped by name where there is no browser, and so are keys on a token where SoftHSM2 is absent:
# a distribution without them is no obstacle.
wanted=()
want() {
    local package=$1; shift
    if ! "$@" >/dev/null 2>&1; then wanted+=("$package"); fi
}
if [ "$purpose" = test ]; then
    want chromium sh -c 'command -v chromium || command -v chromium-browser || command -v google-chrome'
    want chromium-driver has chromedriver
    want softhsm2 has softhsm2-util
    # What stands in reports is read by another program, and Japanese needs a font; both are skipped by name without.
    want poppler-utils has pdftotext
    want fonts-ipafont-gothic test -e /usr/share/fonts/opentype/ipafont-gothic/ipag.ttf
fi

[ ${#missing[@]} -gt 0 ] || [ ${#wanted[@]} -gt 0 ] || exit 0

as=()
may=yes
if ! has apt-get >/dev/null; then may=no; fi
if [ "$(id -u)" != 0 ]; then
    if has sudo >/dev/null && sudo -n true 2>/dev/null; then as=(sudo -n); else may=no; fi
fi
if [ $may = no ]; then
    echo "setup: on Debian or Ubuntu run: sudo apt-get update && sudo apt-get install -y --no-install-recommends ${missing[*]} ${wanted[*]}" >&2
    if [ ${#missing[@]} -gt 0 ]; then
        echo "setup: these packages are missing and can not be installed from here: ${missing[*]}" >&2
        exit 1
    fi
    echo "setup: without ${wanted[*]} the tests that need them are skipped" >&2
    exit 0
fi

export DEBIAN_FRONTEND=noninteractive
install() { "${as[@]}" apt-get install -y --no-install-recommends "$@" >/dev/null; }
echo "setup: installing ${missing[*]} ${wanted[*]}"
"${as[@]}" apt-get update -qq
if [ ${#missing[@]} -gt 0 ]; then install "${missing[@]}"; fi
if [ ${#wanted[@]} -gt 0 ] && ! install "${wanted[@]}"; then
    echo "setup: ${wanted[*]} can not be had here; the tests that need them are skipped" >&2
fi
