#!/bin/sh
# Stops the store of this folder and removes what it and the build made: bin,
# build, .fnstore. For a store that root runs in a folder others cannot enter,
# .fnstore is a link to /var/lib/fnstore/<id>; that goes too.
set -eu
if [ -e .fnstore ]; then
	[ -x bin/fnstore ] || make --no-print-directory build
	bin/fnstore down --state .fnstore # when it cannot be stopped, nothing is removed
fi
if [ -L .fnstore ]; then
	state=$(readlink .fnstore)
	case $state in
	*..*) ;; # not a name of ours
	/var/lib/fnstore/?*) rm -rf "$state" ;;
	esac
fi
rm -rf bin build .fnstore
