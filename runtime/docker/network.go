package docker

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"sync"
)

// network is the bridge that this store's containers are on. They reach no
// other container there. What they may reach of this machine's loopback is forwarded
// from the bridge's own address, a port for each service, and for them alone.
type network struct {
	ID, Name string
	Internal bool // it has no way out
	IPAM     struct {
		Config []struct{ Subnet, Gateway string }
	}

	engine   *engine
	services []string

	mu       sync.Mutex
	forwards map[string]net.Listener // by service
}

func openNetwork(ctx context.Context, e *engine, name, store string, internal bool) (*network, error) {
	n := &network{engine: e, forwards: map[string]net.Listener{}}
	err := e.get(ctx, "/networks/"+name, n)
	if err == nil && n.Internal != internal { // a killed store left it, with another setting
		if err := n.close(ctx); err != nil {
			return nil, err
		}
		n = &network{engine: e, forwards: map[string]net.Listener{}}
		err = e.get(ctx, "/networks/"+name, n)
	}
	if absent(err) {
		if err := e.call(ctx, http.MethodPost, "/networks/create", object{
			"Name": name, "Driver": "bridge", "CheckDuplicate": true, "Internal": internal,
			"Labels":  map[string]string{labelStore: store},
			"Options": map[string]string{"com.docker.network.bridge.enable_icc": "false"},
		}, nil); err != nil {
			return nil, fmt.Errorf("make the network %s: %w", name, err)
		}
		err = e.get(ctx, "/networks/"+name, n)
	}
	return n, err
}

// serves reports whether a service on loopback can be reached from a container.
func (n *network) serves(address string) bool { return slices.Contains(n.services, address) }

// translate gives a URL of a service on loopback the address by which a
// container gets there. Every other value stays as it is.
func (n *network) translate(value []byte) ([]byte, error) {
	u, ok := loopback(value)
	if !ok || !n.serves(u.Host) {
		return value, nil
	}
	address, err := n.forwardPort(u.Host)
	if err != nil {
		return nil, err
	}
	u.Host = address
	return []byte(u.String()), nil
}

// reachableEnv gives variables that are URLs of a service on loopback an address
// by which a container gets there.
func (b *Backend) reachableEnv(env map[string]string) map[string]string {
	there := maps.Clone(env)
	for name, value := range there {
		v, err := b.network.translate([]byte(value))
		if err != nil {
			slog.Warn("a service cannot be reached from containers", "variable", name, "cause", err)
			continue
		}
		there[name] = string(v)
	}
	return there
}

// forwardPort opens a port to a service, once.
func (n *network) forwardPort(service string) (string, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if l := n.forwards[service]; l != nil {
		return l.Addr().String(), nil
	}
	for _, c := range n.IPAM.Config {
		gateway, err := netip.ParseAddr(c.Gateway)
		if err != nil {
			continue
		}
		subnet, err := netip.ParsePrefix(c.Subnet)
		if err != nil {
			continue
		}
		l, err := net.Listen("tcp", netip.AddrPortFrom(gateway, 0).String())
		if err != nil {
			return "", fmt.Errorf("listen for containers: %w", err)
		}
		n.forwards[service] = l
		slog.Info("containers reach a service of this store", "service", service, "at", l.Addr().String(), "for", subnet.String())
		go forwardConns(l, subnet, service)
		return l.Addr().String(), nil
	}
	return "", fmt.Errorf("the network %s has no address of this machine", n.Name)
}

// close takes the network away. Containers that are still on it keep it.
func (n *network) close(ctx context.Context) error {
	n.mu.Lock()
	for _, l := range n.forwards {
		_ = l.Close()
	}
	n.mu.Unlock()
	if err := n.engine.call(ctx, http.MethodDelete, "/networks/"+url.PathEscape(n.ID), nil, nil); err != nil && !absent(err) {
		return fmt.Errorf("remove the network %s: %w", n.Name, err)
	}
	return nil
}
