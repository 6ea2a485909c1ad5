package ingress

import (
	"context"
	"net"
	"net/http"
	"net/netip"

	"fnstore/kit/fault"
	"fnstore/kit/wire"
)

type schemeKey struct{}

// Scheme is how the client sent r: "http" or "https". Behind a trusted proxy it
// is what the proxy says.
func Scheme(r *http.Request) string {
	if s, ok := r.Context().Value(schemeKey{}).(string); ok {
		return s
	}
	if r.TLS != nil {
		return "https"
	}
	return "http"
}

// withClients gives next requests whose RemoteAddr, Host and Scheme are the
// client's and not those of a trusted proxy. What others say about clients is
// left alone: next must not believe it.
//
// A port that is open to a network only because a TLS proxy stands before it
// serves that proxy and this machine, and nobody else.
func (in *Ingress) withClients(next http.Handler) http.Handler {
	if len(in.proxies) == 0 {
		return next
	}
	proxiesOnly := in.certificate == nil && !in.address.IsLoopback()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		peer := addressOf(r.RemoteAddr)
		switch {
		case in.proxies.contains(peer):
			r = in.proxies.behind(r, peer)
		case proxiesOnly && !peer.IsLoopback():
			r.Header.Del(wire.CallID) // it was not checked, and the answer would repeat it
			wire.Fail(w, r, fault.New(fault.Forbidden, "not_through_proxy", "this port serves its TLS proxy only; send the request there"))
			return
		}
		next.ServeHTTP(w, r)
	})
}

// behind is r as the client sent it to the proxy at peer, as far as that is told.
func (p proxies) behind(r *http.Request, peer netip.Addr) *http.Request {
	c := p.client(peer, hops(r.Header))
	scheme := c.scheme
	if scheme == "" {
		scheme = Scheme(r)
	}
	q := r.WithContext(context.WithValue(r.Context(), schemeKey{}, scheme))
	q.RemoteAddr = net.JoinHostPort(c.addr.String(), "0") // the client's port is not known
	if c.host != "" {
		q.Host = c.host
	}
	return q
}

// client finds who sent the request: going back from peer, the first that is no
// trusted proxy. What stands before its address may be its own invention.
func (p proxies) client(peer netip.Addr, path []hop) hop {
	c := hop{addr: peer}
	for i := len(path) - 1; i >= 0 && p.contains(c.addr); i-- {
		if !path[i].addr.IsValid() {
			path[i].addr = c.addr // the last that is known
			return path[i]
		}
		c = path[i]
	}
	return c
}

// addressOf reads an address with or without a port; none gives the zero Addr.
func addressOf(text string) netip.Addr {
	if ap, err := netip.ParseAddrPort(text); err == nil {
		return plain(ap.Addr())
	}
	if len(text) > 2 && text[0] == '[' && text[len(text)-1] == ']' {
		text = text[1 : len(text)-1]
	}
	if addr, err := netip.ParseAddr(text); err == nil {
		return plain(addr)
	}
	return netip.Addr{}
}
