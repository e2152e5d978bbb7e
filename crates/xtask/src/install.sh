set -eu

# Debian starts a service as soon as it is installed; the chores start their own, with their own settings.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    trap 'rm -f "$policy"' EXIT
    trap 'exit 1' INT TERM
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
fi

export DEBIAN_FRONTEND=noninteractive
install() {
    apt-get install --yes --quiet --no-install-recommends "$@"
}

if ! install "$@"; then
    echo "the package lists may be missing or stale: refreshing them"
    apt-get update --quiet
    install "$@"
fi
