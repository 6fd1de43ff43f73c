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

need gcc has cc
need pkg-config has pkg-config
need npm has npm
need python3-pip python3 -m pip --version
need fonts-ocr-b test -e /usr/share/fonts/opentype/ocr-b/OCRB.otf
need fonts-dejavu-core test -e /usr/share/fonts/truetype/dejavu/DejaVuSans.ttf
# josekit, the second opinion on our JWE in the tests, links OpenSSL; tests and demo share one build.
need libssl-dev pkg-config --exists openssl
if [ "$purpose" = test ]; then
    need chromium sh -c 'command -v chromium || command -v chromium-browser || command -v google-chrome'
    need chromium-driver has chromedriver
fi

if [ ${#missing[@]} -gt 0 ]; then
    install=(apt-get install -y --no-install-recommends "${missing[@]}")
    as=()
    if [ "$(id -u)" != 0 ]; then
        if has sudo >/dev/null && sudo -n true 2>/dev/null; then as=(sudo -n); else as=(refused); fi
    fi
    if ! has apt-get >/dev/null || [ "${as[*]:-}" = refused ]; then
        echo "setup: these packages are missing and can not be installed from here: ${missing[*]}" >&2
        echo "setup: on Debian or Ubuntu run: sudo apt-get update && sudo ${install[*]}" >&2
        exit 1
    fi
    echo "setup: installing ${missing[*]}"
    export DEBIAN_FRONTEND=noninteractive
    "${as[@]}" apt-get update -qq
    "${as[@]}" "${install[@]}" >/dev/null
fi
