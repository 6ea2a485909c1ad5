#!/bin/sh
# Tests scripts/deps.sh on new machines: installs as root and as a plain user with
# sudo, leaves no service, no cluster and no file behind, keeps what was there, and
# cleans up when it is interrupted. Needs root (or sudo), debootstrap and curl.
#
#   sh scripts/deps_test.sh              FRESH_SUITE=trixie for another release
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/chroot.sh"
alone "$@"
workshop

failed=0
check() { # check SENTENCE COMMAND...
	sentence=$1
	shift
	if "$@" >"$work/check.log" 2>&1; then
		printf 'ok    %s\n' "$sentence"
	else
		printf 'FAIL  %s\n' "$sentence"
		sed 's/^/      /' "$work/check.log"
		failed=$((failed + 1))
	fi
}
put() { cp "$here/deps.sh" "$1/tmp/deps.sh" && chmod 644 "$1/tmp/deps.sh"; }
silent() { out=$("$@" 2>&1) && [ -z "$out" ] || { printf '%s\n' "$out"; false; }; }
nothing_left() { # no file of ours, no cluster, no running process
	[ ! -e "$1/usr/sbin/policy-rc.d" ] || return 1
	nothing_but_policy "$1"
}
nothing_but_policy() {
	[ ! -e "$1/etc/postgresql-common/createcluster.d/fnstore.conf" ] || return 1
	[ -z "$(ls "$1"/etc/postgresql/*/* 2>/dev/null)" ] || return 1
	left=$(inside "$1")
	[ -z "$left" ] || { names $left; return 1; }
}
programs() { ls "$1"/usr/lib/postgresql/*/bin/postgres "$1"/usr/bin/redis-check-rdb; }
redis_serves() { # the checker is the server
	on "$1" root 'ln -s "$(command -v redis-check-rdb)" /tmp/redis-server && /tmp/redis-server --version | grep "Redis server"'
}

printf 'making a minimal %s ...\n' "$suite"
base "$work/base"

m=$work/root
machine "$work/base" "$m"
put "$m"
check "root: installs" on "$m" root 'sh /tmp/deps.sh run'
check "root: the programs are there" programs "$m"
check "root: redis-tools holds a server" redis_serves "$m"
check "root: leaves no service, cluster or file" nothing_left "$m"
check "root: a second run says nothing" silent on "$m" root 'sh /tmp/deps.sh run'
check "root: adds Chromium for the tests" on "$m" root 'sh /tmp/deps.sh test && chromium --version'
check "root: adds a proxy that does not start with the machine" on "$m" root 'nginx -v && ! ls /etc/rc[2-5].d/S*nginx /etc/systemd/system/*.wants/nginx.service'
check "root: adds monitors that do not start with the machine" on "$m" root 'prometheus --version && amtool --version && ! ls /etc/rc[2-5].d/S*prometheus* /etc/systemd/system/*.wants/prometheus*.service'
check "root: still leaves nothing" nothing_left "$m"
check "root: bad use is refused" on "$m" root '! sh /tmp/deps.sh everything'

m=$work/user
machine "$work/base" "$m"
put "$m"
check "user: installs with sudo" on "$m" user 'sh /tmp/deps.sh run'
check "user: the programs are there" programs "$m"
check "user: leaves no service, cluster or file" nothing_left "$m"
check "user: a second run says nothing" silent on "$m" user 'sh /tmp/deps.sh run'

m=$work/policy
machine "$work/base" "$m"
put "$m"
printf '#!/bin/sh\n# the owner knows why\nexit 101\n' >"$m/usr/sbin/policy-rc.d"
chmod 755 "$m/usr/sbin/policy-rc.d"
cp "$m/usr/sbin/policy-rc.d" "$work/policy-rc.d"
check "policy: installs" on "$m" root 'sh /tmp/deps.sh run'
check "policy: the owner's policy-rc.d is as it was" cmp "$work/policy-rc.d" "$m/usr/sbin/policy-rc.d"
check "policy: leaves no service, cluster or file" nothing_but_policy "$m"

# Interrupted at the first moment that shows its files, by the signal of Ctrl-C.
m=$work/interrupt
machine "$work/base" "$m"
put "$m"
interrupt() {
	on "$m" root 'exec sh -c "trap - INT; exec sh /tmp/deps.sh run"' &
	n=0
	until [ -e "$m/usr/sbin/policy-rc.d" ] || [ $n -ge 600 ]; do n=$((n + 1)); sleep 0.05; done
	for p in $(inside "$m"); do kill -TERM "$p" 2>/dev/null || :; done
	! wait $!
}
check "interrupt: ends with an error" interrupt
check "interrupt: leaves no service, cluster or file" nothing_left "$m"
check "interrupt: the next run installs" on "$m" root 'dpkg --configure -a; sh /tmp/deps.sh run'

# A database of somebody's own: not installed over, not stopped, not restarted.
m=$work/owner
machine "$work/base" "$m"
put "$m"
theirs() {
	on "$m" root 'apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq -y install --no-install-recommends postgresql >/dev/null &&
		pg_lsclusters -h | grep -q main && sed -i "s/^port = .*/port = 15999/" /etc/postgresql/*/main/postgresql.conf &&
		pg_ctlcluster "$(ls /etc/postgresql)" main restart'
}
check "owner: has a running cluster" theirs
before=$(head -n 1 "$m"/var/lib/postgresql/*/main/postmaster.pid 2>/dev/null)
check "owner: deps adds what is missing" on "$m" root 'sh /tmp/deps.sh run && command -v redis-check-rdb'
check "owner: the cluster is the same process" [ "${before:-none}" = "$(head -n 1 "$m"/var/lib/postgresql/*/main/postmaster.pid 2>/dev/null)" ]
check "owner: and it runs" test -d "/proc/${before:-none}"

[ $failed = 0 ] || die "$failed checks failed"
