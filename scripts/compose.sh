#!/bin/sh
# The store on Docker, with the services of compose/docker-compose.yaml.
#
#   sh scripts/compose.sh credentials   make what is missing in secrets/compose
#   sh scripts/compose.sh images        build our images, without a Docker engine
#   sh scripts/compose.sh up            all of it, until the store answers
#   sh scripts/compose.sh down          no container and no network is left; data stays
#   sh scripts/compose.sh clean         down, and the data and credentials go too
#   sh scripts/compose.sh pin           write digests into compose/images.env
#
# FNSTORE_DATA is the folder of the store's own data, an absolute path; the
# default is compose/data in the repository. PROFILES adds profiles (minio grafana).
set -eu
cd "$(dirname "$0")/.."
root=$PWD
export FNSTORE_DATA="${FNSTORE_DATA:-$root/compose/data}"
secrets=secrets/compose
archive=compose/data-images/fnstore.tar

die() { printf 'compose: %s\n' "$*" >&2; exit 1; }
random() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }
# keep FILE TEXT: writes a file that is not there.
keep() { [ -s "$secrets/$1" ] || printf '%s\n' "$2" >"$secrets/$1"; }

compose() {
	set -- -p "${COMPOSE_PROJECT:-fnstore}" --env-file compose/images.env -f compose/docker-compose.yaml "$@"
	if command -v docker-compose >/dev/null 2>&1; then docker-compose "$@"; else docker compose "$@"; fi
}

# engine ends here, in words, what would fail later in the middle of something. A
# client from elsewhere that comes first in PATH may have no plugin for compose.
engine() {
	command -v docker >/dev/null 2>&1 || die 'there is no docker; as root: sh scripts/deps.sh docker'
	command -v docker-compose >/dev/null 2>&1 || docker compose version >/dev/null 2>&1 ||
		die "neither docker-compose nor the plugin of $(command -v docker) is here; as root: sh scripts/deps.sh docker"
	said=$(docker version --format '{{.Server.Version}}' 2>&1) || die "no engine answers: $said"
}

profiles() {
	all="${PROFILES:-}"
	[ ! -f compose/prometheus/prometheus.yml ] || all="metrics $all"
	for p in $all; do printf -- '--profile %s ' "$p"; done
}

credentials() {
	mkdir -p "$FNSTORE_DATA"
	(umask 077 && mkdir -p "$secrets" && cd "$root" && {
		keep postgres-password "$(random)"
		keep redis-password "$(random)"
		keep minio-user fnstore
		keep minio-password "$(random)"
		keep grafana-password "$(random)"
		# The function notify and Alertmanager have the same one; the function's holds.
		mkdir -p "$FNSTORE_DATA/secrets"
		[ -s "$FNSTORE_DATA/secrets/notify-alerts" ] || random >"$FNSTORE_DATA/secrets/notify-alerts"
		cp "$FNSTORE_DATA/secrets/notify-alerts" "$secrets/notify-alerts" || die "$FNSTORE_DATA/secrets cannot be read"
	})
	# Where the services are may change, the passwords stay.
	(umask 077 && printf 'requirepass %s\nappendonly yes\ndir /data\n' "$(cat $secrets/redis-password)" >"$secrets/redis.conf"
		extra=$(grep -s '^FNSTORE_S3_URL=' "$secrets/fnstore.env" || :)
		{
			printf 'FNSTORE_POSTGRES_URL=postgres://postgres:%s@127.0.0.1:%s/postgres?sslmode=disable\n' "$(cat $secrets/postgres-password)" "${POSTGRES_PORT:-5433}"
			printf 'FNSTORE_REDIS_URL=redis://:%s@127.0.0.1:%s/0\n' "$(cat $secrets/redis-password)" "${REDIS_PORT:-6380}"
			[ -z "$extra" ] || printf '%s\n' "$extra"
		} >"$secrets/fnstore.env")
	# Containers read them as users of their own; nobody else gets into the folder.
	chmod 700 "$secrets"
	chmod 644 "$secrets"/*
	chmod 600 "$secrets/fnstore.env"
}

images() {
	[ -x bin/fnstore ] || die 'bin/fnstore is missing: make build'
	mkdir -p "$(dirname "$archive")" "$FNSTORE_DATA"
	bin/fnstore build --state "$FNSTORE_DATA" --archive "$archive"
	bin/fnstore stack --prebuilt >"$FNSTORE_DATA/stack.yml"
}

case "${1:-}" in
credentials) credentials ;;
images) images ;;
up)
	engine
	credentials
	[ -f "$archive" ] || images
	docker load -q -i "$archive"
	# shellcheck disable=SC2046
	compose $(profiles) up -d
	i=0
	until bin/fnstore list --state "$FNSTORE_DATA" >/dev/null 2>&1; do
		i=$((i + 1))
		[ $i -lt 120 ] || { compose logs --tail=40; die 'the store does not answer after two minutes'; }
		sleep 1
	done
	bin/fnstore list --state "$FNSTORE_DATA"
	printf '\nThe store is up: gateway http://127.0.0.1:%s/ui/, user admin, password in %s/credentials/gateway-password\n' "${FNSTORE_GATEWAY_PORT:-8080}" "$FNSTORE_DATA"
	;;
down)
	engine
	credentials
	compose --profile metrics --profile minio --profile grafana down --remove-orphans
	;;
clean)
	engine
	credentials
	compose --profile metrics --profile minio --profile grafana down --remove-orphans --volumes
	rm -rf "$FNSTORE_DATA" "$(dirname "$archive")" "$secrets"
	;;
pin)
	while IFS='=' read -r name image; do
		case "$name" in '' | '#'* | FNSTORE_IMAGE) continue ;; esac
		tag=${image%@*}
		digest=$(docker pull -q "$tag" >/dev/null 2>&1 && docker image inspect --format '{{range .RepoDigests}}{{println .}}{{end}}' "$tag" | sed -n 's/.*@//p' | head -n 1) || digest=
		[ -n "$digest" ] || { printf 'compose: no registry answers for %s; it stays as it is\n' "$tag" >&2; continue; }
		sed -i "s#^$name=.*#$name=$tag@$digest#" compose/images.env
	done <compose/images.env
	;;
*) die 'usage: compose.sh credentials|images|up|down|clean|pin' ;;
esac
