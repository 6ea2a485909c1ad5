package gateway

import "bytes"

// role is what a header means to the gateway. It says of bytes what hopByHop and
// forged say of canonical names (TestRolesAgreeWithNames).
type role int

const (
	ordinary  role = iota
	hop            // speaks of one connection
	platforms      // only the platform may set it
	callIDs
	contentType
	userAgent
	authorization
	dated
	startTime // the platform's as well
	servedBy
	internalMark // the platform's as well
)

// longest is how many bytes a name with a role has at most, those that a prefix
// gives one left aside.
const longest = 24

// roleOf gives the role of a header, whatever case its name has.
func roleOf(name []byte) role {
	var lower [longest]byte
	n := copy(lower[:], name)
	for i, c := range lower[:n] {
		if 'A' <= c && c <= 'Z' {
			lower[i] = c + 'a' - 'A'
		}
	}
	key := lower[:n]
	if n == len(name) {
		switch string(key) {
		case "connection", "proxy-connection", "keep-alive", "proxy-authenticate", "proxy-authorization",
			"te", "trailer", "transfer-encoding", "upgrade", "http2-settings":
			return hop
		case "x-call-id":
			return callIDs
		case "content-type":
			return contentType
		case "user-agent":
			return userAgent
		case "authorization":
			return authorization
		case "date":
			return dated
		case "x-start-time":
			return startTime
		case "x-served-by":
			return servedBy
		case "x-openfaas-internal":
			return internalMark
		case "x-real-ip", "forwarded":
			return platforms
		}
	}
	for _, p := range [...]string{"x-forwarded-", "x-openfaas-", "x-function-"} {
		if bytes.HasPrefix(key, []byte(p)) {
			return platforms
		}
	}
	return ordinary
}
