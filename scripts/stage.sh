#!/bin/sh
# stage.sh NAME COMMAND...: runs one stage of `make test` and says how long it
# took. The line at its end begins with "==", for .ci/run to gather.
set -u
name=$1
shift
printf '\n-- %s\n' "$name"
began=$(date +%s)
"$@"
status=$?
verdict=ok
[ $status = 0 ] || verdict=FAILED
printf '== %-28s %-6s %5d s\n' "$name" $verdict $(($(date +%s) - began))
exit $status
