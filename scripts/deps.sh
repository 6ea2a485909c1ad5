#!/bin/sh
# Installs the Debian packages that the store needs, when they are missing.
#
#   sh scripts/deps.sh run    Postgres and Redis, for `make up`
#   sh scripts/deps.sh test   also Chromium, nginx, clients of S3, a mail server, Prometheus, curl, jq and openssl, for `make test`
#   sh scripts/deps.sh docker only a container engine and docker-compose, for tests that root runs
#
# Only the programs are wanted: the store runs private instances of its own. So no
# service of these packages is started, none gets a cluster that would start at
# boot, and nothing that runs or was configured before is touched. With all of it
# there, this ends at once and says nothing.
set -eu

say() { printf '%s\n' "$*"; }
die() { printf 'deps: %s\n' "$*" >&2; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }
PATH=$PATH:/usr/sbin:/sbin

postgres_there() {
	for bin in /usr/lib/postgresql/*/bin; do
		[ -x "$bin/initdb" ] && [ -x "$bin/postgres" ] && return 0
	done
	have initdb && have postgres
}

# redis-tools ships the whole server under the name redis-check-rdb; the package
# redis-server would add nothing but a system service.
redis_there() { have redis-server || have redis-check-rdb; }

chromium_there() { have chromium || have chromium-browser || have google-chrome || have google-chrome-stable; }

smtpd_there() { /usr/bin/python3 -c 'import aiosmtpd' 2>/dev/null; }

boto3_there() { python3 -c 'import boto3' 2>/dev/null || /usr/bin/python3 -c 'import boto3' 2>/dev/null; }

# Debian names the program after the package.
alertmanager_there() { { have prometheus-alertmanager || have alertmanager; } && have amtool; }

# Whoever has Docker from elsewhere has all of it; Debian's client is in docker.io.
docker_there() { have dockerd && have docker; }

# As a program or as a plugin of whichever client comes first in PATH.
compose_there() { have docker-compose || { have docker && docker compose version >/dev/null 2>&1; }; }

missing() {
	if [ "$1" = docker ]; then
		docker_there || printf 'docker.io '
		compose_there || printf 'docker-compose '
		return
	fi
	postgres_there || printf 'postgresql '
	redis_there || printf 'redis-tools '
	[ "$1" = test ] || return 0
	chromium_there || printf 'chromium '
	have nginx || printf 'nginx '
	have aws || printf 'awscli '
	boto3_there || printf 'python3-boto3 '
	smtpd_there || printf 'python3-aiosmtpd '
	have prometheus && have promtool || printf 'prometheus '
	alertmanager_there || printf 'prometheus-alertmanager '
	for tool in curl jq openssl; do have $tool || printf '%s ' $tool; done # what pages say to try
}

what=${1:-run}
case $what in run | test | docker) ;; *) die "usage: deps.sh run|test|docker" ;; esac
# Only root can start an engine, so nobody else needs one; the test says so.
[ "$what" != docker ] || [ "$(id -u)" = 0 ] || exit 0
want=$(missing "$what")
[ -n "$want" ] || exit 0

have apt-get || die "missing: ${want% }. There is no apt-get here; install Postgres 14 or newer and Redis 6 or newer your own way"

if [ "$(id -u)" != 0 ]; then
	have sudo || die "missing: ${want% }. Run as root: sh scripts/deps.sh $what"
	if ! sudo -n true 2>/dev/null; then
		[ -t 0 ] || die "missing: ${want% }. sudo would ask for a password; run: sudo sh scripts/deps.sh $what"
		say "sudo is needed once, to install: ${want% }"
	fi
	exec sudo sh "$0" "$what"
fi

# --- from here on as root -------------------------------------------------------

mark='# Placed for a moment by scripts/deps.sh of fnstore; safe to remove.'
policy=/usr/sbin/policy-rc.d                                  # asked before any service is started
nocluster=/etc/postgresql-common/createcluster.d/fnstore.conf # read before a cluster is made
made= # yes when the folder of that file is ours as well
log=$(mktemp)

# ours FILE: true when the file is one of ours, left by a run that was killed.
ours() { grep -qsF "$mark" "$1"; }

tidy() {
	! ours "$policy" || rm -f "$policy"
	! ours "$nocluster" || rm -f "$nocluster"
	[ -z "$made" ] || rmdir "${nocluster%/*}" /etc/postgresql-common 2>/dev/null || :
	rm -f "$log"
}
trap tidy EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# A machine that has its own say about starting services keeps it.
if [ ! -e "$policy" ]; then
	(umask 022 && printf '#!/bin/sh\n%s\nexit 101\n' "$mark" >"$policy" && chmod 755 "$policy")
fi
[ -d "${nocluster%/*}" ] || made=yes
mkdir -p "${nocluster%/*}"
printf '%s\ncreate_main_cluster = false\n' "$mark" >"$nocluster"

# needrestart would restart other services after an installation.
export DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 NEEDRESTART_MODE=l
apt() {
	apt-get -q -y -o DPkg::Lock::Timeout=120 -o Dpkg::Options::=--force-confold "$@" </dev/null >>"$log" 2>&1
}
# known: the package lists offer every package that is wanted.
known() {
	for p in $want; do
		apt-cache policy "$p" 2>/dev/null | grep -q '^  Candidate: [^(]' || return 1
	done
}

# Ubuntu has no package of Chromium but a door to snap.
case "$want" in
*chromium*)
	if grep -qs '^ID=ubuntu' /etc/os-release; then
		die "Chromium is a snap on Ubuntu; once: snap install chromium"
	fi
	;;
esac
say "installing ${want% } (Debian packages; no service of theirs is started)"
fresh=
if ! known; then
	apt update || :
	fresh=yes
	known || { tail -n 5 "$log" >&2; die "this machine's package sources do not offer: ${want% }"; }
fi
# --no-remove: rather fail than take something away. Lists that are too old name
# packages that are gone; one more try with new ones.
# shellcheck disable=SC2086
if ! apt install --no-install-recommends --no-remove $want; then
	[ -z "$fresh" ] && apt update && apt install --no-install-recommends --no-remove $want || {
		tail -n 20 "$log" >&2
		die "apt-get could not install: ${want% }"
	}
fi

# An engine that was installed for a test shall not start with the machine.
if [ "$what" = docker ] && have systemctl; then
	systemctl disable --quiet docker.service docker.socket containerd.service >>"$log" 2>&1 || :
fi

# Nor shall a proxy or a monitor that was installed for a test.
for service in nginx prometheus prometheus-alertmanager; do
	case " $want" in
	*" $service "*)
		rm -f "/etc/systemd/system/multi-user.target.wants/$service.service"
		! have update-rc.d || update-rc.d "$service" disable >>"$log" 2>&1 || :
		;;
	esac
done

left=$(missing "$what")
[ -z "$left" ] || die "installed, and still missing: ${left% }"
