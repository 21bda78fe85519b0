#!/usr/bin/env bash
# Installs what the tests need and this machine lacks: Debian packages, and npm packages in conformance/node and below.
# Quick when everything is there. What cannot be installed is named, and the tests that need it skip by name; so this
# script ends with 0 all the same.
set -euo pipefail
cd "$(dirname "$0")/.."
PATH=$PATH:/usr/sbin:/sbin

say() { printf 'setup: %s\n' "$*"; }

# The Python packages are Debian's, for Debian's Python: another python3, first in PATH, does not see them.
python_has() { [ -x /usr/bin/python3 ] && (cd / && /usr/bin/python3 -c "import $1") 2>/dev/null; }
chinese_font() { [ -n "$(fc-list :lang=zh family 2>/dev/null)" ]; }

# Prints the Debian packages that are missing, told by what they are for and not by the package's name, so that
# another source of the same thing will do. -race needs gcc.
missing_packages() {
	command -v gcc >/dev/null || echo gcc libc6-dev
	command -v curl >/dev/null || echo curl
	command -v chromium >/dev/null || echo chromium
	chinese_font || echo fontconfig fonts-wqy-microhei # for pages in Chinese; 1.6 MB, the others have 7 to 57
	command -v nginx >/dev/null || echo nginx-light
	command -v haproxy >/dev/null || echo haproxy
	command -v tinyproxy >/dev/null || echo tinyproxy-bin
	command -v microsocks >/dev/null || echo microsocks
	command -v npm >/dev/null || echo nodejs npm
	python_has websocket || echo python3-websocket
	python_has websockets || echo python3-websockets
	python_has tornado || echo python3-tornado
	python_has socketio || echo python3-socketio
	python_has requests || echo python3-requests
}

# nginx and haproxy are for tests that start their own: as services they stay off, now and after a reboot.
policy=/usr/sbin/policy-rc.d
install_packages() {
	local name
	if [ ! -e "$policy" ]; then
		trap 'rm -f "$policy"' EXIT
		printf '#!/bin/sh\nexit 101\n' >"$policy"
		chmod +x "$policy"
	fi
	apt update || true
	if ! apt install "$@"; then # one of them is not to be had: the others one by one
		for name in "$@"; do apt install "$name" || true; done
	fi
	for name in nginx haproxy microsocks; do
		case " $* " in *" $name"*) update-rc.d "$name" disable || true ;; esac
	done
}

apt() {
	DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends \
		-o DPkg::Lock::Timeout=120 -o Acquire::Retries=2 -o Acquire::http::Timeout=30 "$@" >&2 </dev/null
}

debian_packages() {
	local missing
	IFS=$' \n' read -r -d '' -a missing < <(missing_packages) || true
	[ ${#missing[@]} -gt 0 ] || return 0
	if ! command -v apt-get >/dev/null; then
		say "there is no apt-get here; missing, by Debian's names: ${missing[*]}"
	elif [ "$(id -u)" != 0 ]; then
		say "not root; missing: ${missing[*]} (try: sudo scripts/setup.sh)"
	else
		say "installing ${missing[*]}"
		install_packages "${missing[@]}"
		IFS=$' \n' read -r -d '' -a missing < <(missing_packages) || true
		[ ${#missing[@]} -eq 0 ] || say "could not be installed: ${missing[*]}"
	fi
}

npm_packages() {
	local dir=$1
	# npm writes the hidden lock file when it has installed everything.
	[ ! "$dir/node_modules/.package-lock.json" -nt "$dir/package-lock.json" ] || return 0
	if ! command -v npm >/dev/null; then
		say "there is no npm here; missing: the packages of $dir"
		return 0
	fi
	say "installing the npm packages of $dir"
	(cd "$dir" && npm ci --loglevel=error >&2 </dev/null) || say "could not be installed: the packages of $dir"
}

debian_packages
npm_packages conformance/node
npm_packages conformance/node/socketio
