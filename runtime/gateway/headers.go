package gateway

import (
	"net"
	"net/http"
	"net/textproto"
	"strconv"
	"strings"
	"time"

	"fnstore/kit/caller"
	"fnstore/kit/fault"
)

// hopByHop headers speak of one connection (RFC 9110 section 7.6.1). Those that
// Connection names are such as well.
var hopByHop = map[string]bool{
	"Connection": true, "Proxy-Connection": true, "Keep-Alive": true, "Proxy-Authenticate": true, "Proxy-Authorization": true,
	"Te": true, "Trailer": true, "Transfer-Encoding": true, "Upgrade": true, "Http2-Settings": true,
}

// forged reports headers that only the platform may set; name is canonical.
func forged(name string) bool {
	switch name[0] {
	case 'X':
		return strings.HasPrefix(name, "X-Forwarded-") || strings.HasPrefix(name, "X-Openfaas-") ||
			strings.HasPrefix(name, "X-Function-") || name == "X-Real-Ip" || name == "X-Start-Time" || name == caller.HeaderDelivery
	case 'F':
		return name == "Forwarded"
	}
	return false
}

// foldsInto is the header that a program reads when it gets headers as CGI
// variables (RFC 3875 section 4.1.18), where '-' and '_' are the same; "" when
// that is the header itself. Clients may not set such a twin of what they may
// not set.
func foldsInto(name string) string {
	if strings.IndexByte(name, '_') < 0 {
		return ""
	}
	return textproto.CanonicalMIMEHeaderKey(strings.ReplaceAll(name, "_", "-"))
}

// dropped reports headers of a client that go no further: those of its
// connection and those in the platform's name, however they are spelt.
func dropped(name string) bool {
	if name == "" || hopByHop[name] || forged(name) {
		return true
	}
	twin := foldsInto(name)
	return twin != "" && (hopByHop[twin] || forged(twin) || endToEnd[twin])
}

// passOn gives the headers of in that go further: what a client says of its
// connection, or in the platform's name, does not. The values are shared.
func passOn(in http.Header, room int) http.Header {
	out := make(http.Header, len(in)+room)
	for name, values := range in {
		if !dropped(name) {
			out[name] = values
		}
	}
	for _, list := range in["Connection"] {
		for name := range strings.SplitSeq(list, ",") {
			// What carries a call is no matter of the connection, whoever says so.
			if name = textproto.CanonicalMIMEHeaderKey(textproto.TrimString(name)); name != "" && !endToEnd[name] {
				delete(out, name)
			}
		}
	}
	return out
}

// endToEnd headers cannot be taken away by naming them in Connection.
var endToEnd = map[string]bool{"X-Call-Id": true, "X-Fnstore-Signature": true, "Host": true, "Content-Length": true, "Content-Type": true}

// functionHeaders are the headers a function gets: the client's, as far as they
// go, and the platform's.
func (g *Gateway) functionHeaders(r *http.Request, start time.Time) http.Header {
	h := passOn(r.Header, 5)
	g.dropOperatorsAuth(h)
	h["X-Start-Time"] = []string{strconv.FormatInt(start.UnixNano(), 10)}
	if r.Host != "" { // HTTP/1.0 need not say it
		h["X-Forwarded-Host"] = []string{r.Host}
	}
	h["X-Forwarded-Proto"] = []string{g.cfg.Scheme(r)}
	if ip, _, err := net.SplitHostPort(r.RemoteAddr); err == nil {
		h["X-Forwarded-For"] = []string{ip}
	}
	return h
}

// scheme is how the request came: "http" or "https".
func scheme(r *http.Request) string {
	if r.TLS != nil {
		return "https"
	}
	return "http"
}

// checkHead refuses a request whose line and headers have more than MaxHeaders
// bytes. net/http's own bound is a little wider, by what it has read ahead, so
// that the answer would depend on how the request arrived. Host counts twice: the
// function gets it as X-Forwarded-Host as well.
func checkHead(r *http.Request) error {
	size := len(r.Method) + len(r.RequestURI) + 2*len(r.Host)
	for name, values := range r.Header {
		for _, v := range values {
			size += len(name) + len(v) + len(": \r\n")
		}
	}
	if size > MaxHeaders {
		return fault.New(fault.HeadTooLarge, "headers_too_large", "the request line and headers have %d bytes, %d are the most", size, MaxHeaders)
	}
	return nil
}

// dropOperatorsAuth takes the operator's credentials away, which are nobody else's.
func (g *Gateway) dropOperatorsAuth(h http.Header) {
	given, ok := h["Authorization"]
	if !ok {
		return
	}
	var others []string // a new slice: h shares its values
	for _, v := range given {
		if !g.operatorsOwn(v) {
			others = append(others, v)
		}
	}
	if h["Authorization"] = others; len(others) == 0 {
		delete(h, "Authorization")
	}
}

// operatorsOwn reports basic auth with the operator's name, whatever the
// password: a mistyped one is a secret too.
func (g *Gateway) operatorsOwn(authorization string) bool {
	user, _, ok := (&http.Request{Header: http.Header{"Authorization": {authorization}}}).BasicAuth()
	return ok && user == g.cfg.User
}
