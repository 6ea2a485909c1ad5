# Makes new machines for scripts/fresh.sh and scripts/deps_test.sh: chroots by
# debootstrap, fed from this machine's own package sources. To be read with `.` by
# a script that runs in a mount namespace of its own (see alone), so that every
# mount is gone when the script is, whatever ends it.
#
# Sets: work (the folder with all machines), suite.

die() { printf '%s: %s\n' "${0##*/}" "$*" >&2; exit 1; }

# alone re-executes the script as root in a mount namespace of its own.
alone() {
	[ "${FRESH_ALONE:-}" != "$$" ] || return 0
	for tool in debootstrap unshare chroot curl git go; do
		command -v "$tool" >/dev/null || die "$tool is needed on this machine"
	done
	[ "$(id -u)" = 0 ] || exec sudo --preserve-env env PATH="$PATH" sh "$0" "$@"
	# exec keeps the pid, so the variable can only be meant for this very process.
	FRESH_ALONE=$$ exec unshare --mount --propagation private sh "$0" "$@"
}

# patiently COMMAND...: runs it so that a signal to the script is heeded at once; a
# shell that waits in the foreground would let the command finish first.
patiently() {
	"$@" </dev/null &
	child=$!
	rc=0
	wait "$child" || rc=$?
	child=
	return $rc
}

# site SUITE: where this machine's apt finds that Debian release.
site() {
	apt-get indextargets --format '$(CODENAME) $(REPO_URI)' 'Created-By: Packages' |
		awk -v suite="$1" '$1 == suite { print $2; exit }'
}

# base DIR: a minimal Debian with git, make, sudo and the CA certificates.
base() {
	uri=$(site "$suite")
	if [ -z "$uri" ]; then # another release than this machine's: same archive
		uri=$(site "$(. /etc/os-release && echo "${VERSION_CODENAME:-}")")
	fi
	[ -n "$uri" ] || die "this machine's package sources name no Debian release"
	eval "$(apt-config shell http_proxy Acquire::http::Proxy https_proxy Acquire::https::Proxy)"
	export http_proxy https_proxy
	patiently debootstrap --variant=minbase --include=ca-certificates,git,make,sudo "$suite" "$1" "$uri" >"$work/debootstrap.log" 2>&1 ||
		{ tail -n 20 "$work/debootstrap.log" >&2; die "debootstrap failed"; }

	# Reach the network as this machine does: names, certificates, apt's way out.
	cp -L /etc/resolv.conf /etc/hosts "$1/etc/"
	hostname | sed 's/^/127.0.0.1 /' >>"$1/etc/hosts" # sudo looks itself up
	if ls /usr/local/share/ca-certificates/*.crt >/dev/null 2>&1; then
		cp /usr/local/share/ca-certificates/*.crt "$1/usr/local/share/ca-certificates/"
		chroot "$1" update-ca-certificates >/dev/null 2>&1
	fi
	cat /etc/ssl/certs/ca-certificates.crt >>"$1/etc/ssl/certs/ca-certificates.crt"
	apt-config dump | grep '^Acquire::.*::\(Proxy\|Verify\|CaInfo\)\|^Acquire::Check' >"$1/etc/apt/apt.conf.d/50host" || :
	if [ "$suite" = "$(. /etc/os-release && echo "${VERSION_CODENAME:-}")" ]; then
		cp -r /etc/apt/sources.list.d /etc/apt/auth.conf.d "$1/etc/apt/" 2>/dev/null || :
		[ ! -s /etc/apt/sources.list ] || cp /etc/apt/sources.list "$1/etc/apt/"
		[ -s /etc/apt/sources.list ] || rm -f "$1/etc/apt/sources.list"
		mkdir -p "$1/usr/share/keyrings"
		cp /usr/share/keyrings/*.gpg "$1/usr/share/keyrings/"
		cp -r /etc/apt/keyrings "$1/etc/apt/" 2>/dev/null || :
	fi

	# Go, and nothing of this machine's caches.
	mkdir -p "$1/usr/local/go"
	chroot "$1" useradd -m -s /bin/bash user
	printf 'user ALL=(ALL) NOPASSWD:ALL\n' >"$1/etc/sudoers.d/user"
	chmod 440 "$1/etc/sudoers.d/user"
}

# machine BASE DIR: one more new machine, switched on.
machine() {
	cp -a --reflink=auto "$1" "$2"
	mount -t proc proc "$2/proc"
	mount -t sysfs -o ro sysfs "$2/sys"
	mount -t tmpfs -o mode=1777 shm "$2/dev/shm" 2>/dev/null || { mkdir -p "$2/dev/shm" && mount -t tmpfs -o mode=1777 shm "$2/dev/shm"; }
	mount -t devpts -o newinstance,ptmxmode=0666 devpts "$2/dev/pts" 2>/dev/null || :
	mount --bind -o ro "$(go env GOROOT)" "$2/usr/local/go"
}

# on DIR USER COMMAND: runs a shell command on the machine as that user, with a
# clean environment and the settings Go needs for this network.
on() {
	root=$1 who=$2
	shift 2
	home=/root
	[ "$who" = root ] || home=/home/$who
	chroot "$root" /usr/sbin/runuser -u "$who" -- /usr/bin/env -i \
		HOME="$home" USER="$who" LOGNAME="$who" LANG=C.UTF-8 TERM=dumb \
		PATH=/usr/local/go/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
		GOPROXY="$(go env GOPROXY)" GOSUMDB="$(go env GOSUMDB)" GOPRIVATE="$(go env GOPRIVATE)" \
		GONOSUMDB="$(go env GONOSUMDB)" GONOPROXY="$(go env GONOPROXY)" GOTOOLCHAIN=local \
		${HTTP_PROXY:+HTTP_PROXY="$HTTP_PROXY"} ${HTTPS_PROXY:+HTTPS_PROXY="$HTTPS_PROXY"} ${NO_PROXY:+NO_PROXY="$NO_PROXY"} \
		${ports:-} sh -c "cd && $*" </dev/null
}

# inside DIR: the pids of the processes that live on the machine.
inside() {
	for p in /proc/[0-9]*; do
		case $(readlink "$p/root" 2>/dev/null) in
		"$1" | "$1"/*) echo "${p#/proc/}" ;;
		esac
	done
}

# names PID...: what they are, for a person.
names() {
	for p; do
		printf '  %s %s\n' "$p" "$(tr '\0' ' ' <"/proc/$p/cmdline" 2>/dev/null)"
	done
}

# scrap: ends what still runs on any machine and removes all of them. The mounts
# are private, and are undone first so that nothing behind them is removed.
scrap() {
	[ -n "${work:-}" ] || return 0
	if [ -n "${child:-}" ]; then
		kill "$child" 2>/dev/null || :
	fi
	for signal in TERM KILL; do
		n=0
		while left=$(inside "$work") && [ -n "$left" ] && [ $n -lt 50 ]; do
			[ $n -gt 0 ] && [ $signal = TERM ] || kill -s "$signal" $left 2>/dev/null || :
			n=$((n + 1))
			sleep 0.1
		done
	done
	wait
	awk -v at="$work/" 'index($2, at) == 1 { print $2 }' /proc/mounts | sort -r | while read -r m; do
		umount "$m" 2>/dev/null || umount -l "$m" || :
	done
	if awk -v at="$work/" 'index($2, at) == 1 { found = 1 } END { exit !found }' /proc/mounts; then
		printf 'something is still mounted below %s: not removed\n' "$work" >&2
		return 0
	fi
	[ -n "${FRESH_KEEP:-}" ] && printf 'kept: %s\n' "$work" >&2 || rm -rf --one-file-system "$work"
}

# workshop makes the folder and sees to its end.
workshop() {
	suite=${FRESH_SUITE:-$(. /etc/os-release && [ "$ID" = debian ] && echo "$VERSION_CODENAME" || echo bookworm)}
	work=$(mktemp -d "${TMPDIR:-/var/tmp}/fnstore-fresh.XXXXXX")
	chmod 755 "$work"
	trap scrap EXIT
	trap 'exit 129' HUP
	trap 'exit 130' INT
	trap 'exit 143' TERM
}
