#!/bin/sh
# Proves the way of a newcomer (`make fresh`): a new Debian machine that holds Go,
# git and make; a fresh clone; `make up`; a photo over S3; its thumbnail. Twice:
# as root without systemd in /root/fnstore, and as a plain user with sudo in
# /home/user/fnstore. The machines are chroots, made from this one's package
# sources and removed afterwards; they share its network. What is cloned is HEAD.
#
# Needs root (or sudo), debootstrap, curl, git, go.
#
#   FRESH_ONLY=root|user    one of the two       FRESH_SUITE=trixie  another Debian
#   FRESH_TEST=1            also `make test`     FRESH_KEEP=1        keep the folders, steps.log too
#   FRESH_REPO=DIR          another repository
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/chroot.sh"
alone "$@"
workshop

repo=$(cd "${FRESH_REPO:-$here/..}" && pwd)
# root works in somebody's repository: git asks to be told that this is meant.
hostgit() { git -c safe.directory='*' "$@"; }
head=$(hostgit -C "$repo" rev-parse --verify HEAD) || die "$repo has no commit to clone"
[ -z "$(hostgit -C "$repo" status --porcelain)" ] || printf 'note: uncommitted changes are not part of HEAD and not tested\n' >&2

# Five ports in a row that nobody uses, so that other stores may run here meanwhile.
taken() { grep -qi ":$(printf %04x "$1") [0-9a-f]*:0000 0A" /proc/net/tcp /proc/net/tcp6 2>/dev/null; }
first=$((10000 + $$ % 900 * 10))
while taken $first || taken $((first + 1)) || taken $((first + 2)) || taken $((first + 3)) || taken $((first + 4)); do
	first=$((first + 10))
done
ports="FNSTORE_GATEWAY_PORT=$first FNSTORE_METRICS_PORT=$((first + 1)) FNSTORE_INTAKE_PORT=$((first + 2))"
ports="$ports FNSTORE_REGISTRY_PORT=$((first + 3)) FNSTORE_S3_PORT=$((first + 4))"

table=$work/table
note() { printf '%-6s %-46s %8s %8s\n' "$1" "$2" "$3" "${4:-}" | tee -a "$table"; }
now() { date +%s%3N; }
since() { awk -v a="$1" -v b="$(now)" 'BEGIN { printf "%.1f", (b - a) / 1000 }'; }

# step TITLE SECONDS COMMAND...: runs it and notes how long it took, and "slow" when
# that is more than the given seconds (0: no promise was made).
step() {
	title=$1 bound=$2
	shift 2
	t0=$(now)
	if ! patiently "$@" >"$work/step.log" 2>&1; then
		note "$variant" "$title" FAILED
		tail -n 60 "$work/step.log" | sed 's/^/  | /' >&2
		chroot "$root" tail -n 40 "$at/.fnstore/fnstore.log" 2>/dev/null | sed 's/^/  log | /' >&2 || :
		exit 1
	fi
	took=$(since "$t0")
	{ printf '\n== %s: %s\n' "$variant" "$title"; cat "$work/step.log"; } >>"$work/steps.log"
	verdict "$title" "$bound" "$took"
}
verdict() {
	if awk -v b="$2" -v t="$3" 'BEGIN { exit !(b > 0 && t > b) }'; then
		note "$variant" "$1" "$3" "slow, >$2"
		slow=1
	else
		note "$variant" "$1" "$3"
	fi
}
slow=

# A photo that no cache has seen: 1600 x 1200 pixels of light and noise.
photo() {
	mkdir -p "$work/photo"
	cat >"$work/photo/main.go" <<-'GO'
		package main

		import (
			"image"
			"image/color"
			"image/jpeg"
			"math/rand/v2"
			"os"
		)

		func main() {
			img := image.NewRGBA(image.Rect(0, 0, 1600, 1200))
			for y := range 1200 {
				for x := range 1600 {
					n := uint8(rand.IntN(24))
					img.Set(x, y, color.RGBA{uint8(x*200/1600) + n, uint8(y*200/1200) + n, 120 + n, 255})
				}
			}
			if err := jpeg.Encode(os.Stdout, img, &jpeg.Options{Quality: 90}); err != nil {
				panic(err)
			}
		}
	GO
	(cd "$work/photo" && GO111MODULE=off go run main.go >"$work/photo.jpg")
}

# s3 METHOD PATH FILE [CURL OPTION...]: a signed request with the file as its body.
# The keys are given on stdin since everyone can read a command line. curl before
# 8 does not send the hash that S3 asks for, so it is told.
s3() {
	method=$1 path=$2 hash=$(sha256sum <"$3") body=$3
	shift 3
	# Read from within, where .fnstore may be a link, and by no shell of ours.
	value() { chroot "$root" sed -n "s/^\(export \)\{0,1\}$1=//p" "$at/.fnstore/env" | tail -n 1 | tr -d "\"'"; }
	[ "$body" = /dev/null ] || set -- "$@" --data-binary "@$body" --header 'Content-Type: image/jpeg'
	printf 'user = "%s:%s"\n' "$(value S3_ACCESS_KEY)" "$(value S3_SECRET_KEY)" |
		curl --config - --silent --show-error --fail --noproxy '*' --max-time 30 \
			--aws-sigv4 aws:amz:us-east-1:s3 --header "x-amz-content-sha256: ${hash%% *}" \
			--request "$method" "$@" "$(value S3_ENDPOINT)/$path"
}
upload() { s3 PUT "uploads/$1" "$work/photo.jpg"; }
thumbnail() { # waits until it is there, and is a JPEG
	end=$(($(now) + 120000))
	until s3 GET "thumbnails/thumbnails/100x/$1" /dev/null --output "$work/thumbnail" 2>"$work/s3.err"; do
		[ "$(now)" -lt "$end" ] || { cat "$work/s3.err"; return 1; }
		sleep 0.1
	done
	[ "$(od -An -tx1 -N3 "$work/thumbnail" | tr -d ' \n')" = ffd8ff ]
}

# The looker itself is looked at: it must see a store that runs.
seen() { inside "$root" | grep -q . && chroot "$root" test -e "$at/.fnstore/env"; }
quiet() { # nothing of the store, nothing of Debian's: running, enabled, or left lying
	left=$(inside "$root")
	[ -z "$left" ] || { echo "processes left:"; names $left; return 1; }
	clusters=$(ls -d "$root"/etc/postgresql/*/* 2>/dev/null || :)
	[ -z "$clusters" ] || { echo "a cluster that would start at boot: $clusters"; return 1; }
	enabled=$(ls "$root"/etc/rc[2-5].d/S*redis* "$root"/etc/systemd/system/*.wants/redis* 2>/dev/null || :)
	[ -z "$enabled" ] || { echo "enabled at boot: $enabled"; return 1; }
	for f in usr/sbin/policy-rc.d etc/postgresql-common/createcluster.d/fnstore.conf; do
		[ ! -e "$root/$f" ] || { echo "left: /$f"; return 1; }
	done
}

# newcomer VARIANT HOME
newcomer() {
	variant=$1 who=$1 root=$work/$1
	machine "$work/base" "$root"
	at=$2/fnstore dir=$root$2/fnstore
	hostgit clone --quiet --no-local "$repo" "$dir" 2>"$work/clone.err" || { cat "$work/clone.err" >&2; die "cannot clone $repo"; }
	hostgit -C "$dir" -c advice.detachedHead=false checkout --quiet "$head"
	chroot "$root" chown -R "$who:" "$2/fnstore"

	begin=$(now)
	step "make up, everything empty" 0 on "$root" "$who" 'cd fnstore && make up DETACH=1'
	step "upload a photo" 0 upload "first.jpg"
	step "its thumbnail" 0 thumbnail "first.jpg"
	verdict "clone to first thumbnail" 300 "$(since "$begin")"
	step "its processes are seen" 0 seen
	step "make up, while it runs" 15 on "$root" "$who" 'cd fnstore && make up DETACH=1'
	step "make down" 0 on "$root" "$who" 'cd fnstore && make down'
	step "nothing is left" 0 quiet
	step "make up, the second time" 15 on "$root" "$who" 'cd fnstore && make up DETACH=1'
	step "the first thumbnail is still there" 0 thumbnail "first.jpg"
	step "upload another" 0 upload "second.jpg"
	step "its thumbnail" 0 thumbnail "second.jpg"
	step "make down" 0 on "$root" "$who" 'cd fnstore && make down'
	step "nothing is left" 0 quiet
	if [ -n "${FRESH_TEST:-}" ]; then
		step "make test" 0 on "$root" "$who" 'cd fnstore && make test'
		step "nothing is left" 0 quiet
	fi
}

printf 'making a minimal %s machine ...\n' "$suite" >&2
base "$work/base"
photo
note as step seconds
for v in root user; do
	[ "${FRESH_ONLY:-$v}" = "$v" ] || continue
	case $v in root) newcomer root /root ;; user) newcomer user /home/user ;; esac
done
[ -z "$slow" ] || printf 'some steps took longer than promised (two idle cores are assumed)\n' >&2
