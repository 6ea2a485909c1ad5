#!/bin/sh
# build.sh OUT: build the function whose handler is in ./function into the
# static binary OUT.
#
# Run in a build context, as faas-cli lays it out: this file, entry.txt and
# server/ from the template, function/ from the handler's folder and
# configuration.copy. It is the one way to build, for the Dockerfile beside it
# and for builders that have no container engine. What it adds to function/ it
# takes away again, so it can be run twice.
#
# The entry point is compiled inside the handler's own module. So one go.mod
# decides every version, vendor/ works, and the module may have any name.
set -eu

say() { echo "build.sh: $*" >&2; }
die() { say "$@"; exit 1; }

[ $# -eq 1 ] || die "usage: sh build.sh OUT"
case $1 in /*) out=$1 ;; *) out=$PWD/$1 ;; esac
here=$(cd "$(dirname "$0")" && pwd)
[ -d function ] || die "no folder function/ here: run it in a build context"

export GO111MODULE=on GOWORK=off CGO_ENABLED=0
export GOTOOLCHAIN="${GOTOOLCHAIN:-local}"

cd function

# A leading underscore keeps the folder out of every ./... pattern.
entry=_fnserver
made_mod=
clean() {
	rm -rf "$entry"
	[ -z "$made_mod" ] || rm -f go.mod
}
trap clean EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
rm -rf "$entry"

if [ ! -f go.mod ]; then
	made_mod=yes
	printf 'module handler/function\n\ngo 1.26\n' > go.mod
fi
if [ -d vendor ]; then
	export GOFLAGS="${GOFLAGS:+$GOFLAGS }-mod=vendor"
fi

module=$(go list -m) || die "function/go.mod cannot be read"
package=$(go list -f '{{.Name}}' .) || die "function/ holds no Go package that can be read"
[ "$package" != main ] || die "function/ is package main: a handler is a package with func Handle, as in README.md of the template"

unformatted=$(find . -name vendor -prune -o -name '*.go' -exec gofmt -l {} +)
[ -z "$unformatted" ] || die "not formatted, run gofmt -w on:
$unformatted"

# Checks run where their result can: on the machine that builds.
if [ "$(go env GOOS)/$(go env GOARCH)" = "$(go env GOHOSTOS)/$(go env GOHOSTARCH)" ]; then
	go vet .
	go test -short .
fi

mkdir -p "$entry/server"
for f in "$here"/server/*.go; do
	case $f in *_test.go) ;; *) cp "$f" "$entry/server/" ;; esac
done
sed -e "s|SERVER|$module/$entry/server|" -e "s|FUNCTION|$module|" "$here/entry.txt" > "$entry/main.go"

# Nothing of the machine or the moment gets in: equal sources, equal bytes.
go build -trimpath -buildvcs=false -ldflags '-s -w -buildid=' -o "$out" "./$entry"
