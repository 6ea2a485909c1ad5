#!/bin/sh
# Readies a machine with faasd for the functions of stack.yml; asks nothing and
# can be run again. As root, from the repository:
#
#   sh compose/faasd.sh services    credentials, and our services into faasd's compose file
#   sh compose/faasd.sh secrets     what the functions need: tables, logins, secrets of faasd
#
# FAASD is faasd's folder, /var/lib/faasd. STACK is the stack file.
set -eu
umask 077
cd "$(dirname "$0")/.."
faasd=${FAASD:-/var/lib/faasd}
secrets=$faasd/secrets/fnstore
state=$faasd/fnstore/state

die() { printf 'faasd.sh: %s\n' "$*" >&2; exit 1; }
random() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }
keep() { [ -s "$secrets/$1" ] || printf '%s\n' "$2" >"$secrets/$1"; }
value() { cat "$secrets/$1"; }

services() {
	[ -f "$faasd/docker-compose.yaml" ] || die "$faasd/docker-compose.yaml is missing: install faasd first"
	mkdir -p "$secrets" "$state/secrets"
	keep postgres-password "$(random)"
	keep redis-password "$(random)"
	keep minio-user fnstore
	keep minio-password "$(random)"
	printf 'requirepass %s\nappendonly yes\ndir /data\n' "$(value redis-password)" >"$secrets/redis.conf"
	printf 'FNSTORE_POSTGRES_URL=postgres://postgres:%s@fnstore-postgres:5432/postgres?sslmode=disable\nFNSTORE_S3_URL=http://%s:%s@fnstore-minio:9000\n' \
		"$(value postgres-password)" "$(value minio-user)" "$(value minio-password)" >"$secrets/events.env"
	chmod 700 "$secrets"
	chmod 644 "$secrets"/* # services have users of their own
	chmod 600 "$secrets/events.env" "$secrets/redis-password"
	file=$faasd/docker-compose.yaml
	if grep -q '^  fnstore-events:' "$file"; then
		echo "the services are in $file already"
		return
	fi
	cp -p "$file" "$file.before-fnstore"
	awk 'FNR == NR { if (seen) ours = ours $0 "\n"; if (/^services:/) seen = 1; next }
		{ print } /^services:/ { printf "%s\n", ours }' compose/faasd.yaml "$file.before-fnstore" >"$file.new"
	mv "$file.new" "$file"
	echo "the services are in $file; next: systemctl restart faasd"
}

# give NAME FILE: makes or changes a secret of faasd.
give() {
	faas-cli secret create "$1" --from-file "$2" --replace >/dev/null
	echo "secret $1"
}

secrets() {
	[ -x bin/fnstore ] || die 'bin/fnstore is missing: make build'
	# Postgres is at 127.0.0.1:5433 for this machine and at fnstore-postgres:5432 for functions.
	FNSTORE_POSTGRES_URL="postgres://postgres:$(value postgres-password)@127.0.0.1:5433/postgres?sslmode=disable" \
		bin/fnstore migrate -f "${STACK:-stack.yml}" --state "$state"
	work=$(mktemp -d)
	trap 'rm -rf "$work"' EXIT
	for at in "$state"/secrets/*; do
		name=${at##*/}
		case $name in .*) continue ;; esac
		sed 's#@127\.0\.0\.1:5433/#@fnstore-postgres:5432/#' "$at" >"$work/$name"
		give "$name" "$work/$name"
	done
	for name in $(sed -n 's/^ *- *\([a-z0-9-]*-\(redis\|s3\)\) *$/\1/p' "${STACK:-stack.yml}" | sort -u); do
		case $name in
		*-redis) printf 'redis://:%s@fnstore-redis:6379/0' "$(value redis-password)" >"$work/$name" ;;
		*-s3) printf 'http://%s:%s@fnstore-minio:9000' "$(value minio-user)" "$(value minio-password)" >"$work/$name" ;;
		esac
		give "$name" "$work/$name"
	done
}

case "${1:-}" in
services) services ;;
secrets) secrets ;;
*) die 'usage: faasd.sh services|secrets' ;;
esac
