package ingress

import (
	"net/netip"
	"sync"
)

// places are what clients have of something, in all and from one address. Clients
// of this machine and of exempt addresses count only in all. A network of 64 bits
// is one address in IPv6: one client has all of it.
type places struct {
	total, perAddress int
	exempt            func(netip.Addr) bool

	mu    sync.Mutex
	taken int
	from  map[netip.Addr]int
}

func newPlaces(total, perAddress int, exempt func(netip.Addr) bool) *places {
	return &places{total: total, perAddress: perAddress, exempt: exempt, from: map[netip.Addr]int{}}
}

// enter takes a place, which leave gives back once; nil when there is none.
func (p *places) enter(addr netip.Addr) (leave func()) {
	switch {
	case !addr.IsValid() || addr.IsLoopback() || p.exempt(addr):
		addr = netip.Addr{} // nobody's in particular
	case addr.Is6():
		network, _ := addr.Prefix(64) // it has 128 bits
		addr = network.Addr()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.taken >= p.total || addr.IsValid() && p.from[addr] >= p.perAddress {
		return nil
	}
	p.taken++
	if addr.IsValid() {
		p.from[addr]++
	}
	return func() { p.leave(addr) }
}

func (p *places) leave(addr netip.Addr) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.taken--
	if p.from[addr]--; p.from[addr] <= 0 {
		delete(p.from, addr)
	}
}
