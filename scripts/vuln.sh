#!/bin/sh
# vuln.sh PACKAGES: asks the Go vulnerability database about everything that they
# link and call.
# Says nothing when all is well, fails on a finding. Where the database cannot be
# reached it says so aloud, in a line that .ci/run repeats at its end, and fails
# only with VULN_REQUIRED=1: see docs/decisions/0014.
#
#   VULNDB=file:///path   another copy: a folder of OSV files, such as data/osv in a
#                         clone of github.com/golang/vulndb, for machines without a way out
set -u
out=$(${GO:-go} tool -modfile=tools/go.mod govulncheck ${VULNDB:+-db "$VULNDB"} "$@" 2>&1)
status=$?
[ $status != 0 ] || exit 0

# The tool's own way of saying that it never got an answer.
case $out in
*"fetching vulnerabilities: "*": dial tcp"* | *"fetching vulnerabilities: "*"no such host"* | *"fetching vulnerabilities: "*"proxyconnect"* | \
	*"fetching vulnerabilities: "*"i/o timeout"* | *"fetching vulnerabilities: "*"TLS handshake timeout"*)
	{
		echo 'NOT CHECKED: known vulnerabilities, since the database cannot be reached from here'
		printf '%s\n' "$out" | grep 'fetching vulnerabilities' | sed 's/^/  /'
	} >&2
	[ "${VULN_REQUIRED:-}" = 1 ] && exit 1
	exit 0
	;;
esac
printf '%s\n' "$out" >&2
exit 1
