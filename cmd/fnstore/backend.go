package main

import (
	"context"
	"net"
	"net/url"
	"os"
	"strconv"

	"fnstore/runtime/docker"
	"fnstore/runtime/image"
	"fnstore/runtime/logs"
	"fnstore/runtime/process"
	"fnstore/runtime/provider"
)

// openBackend opens what functions run as.
func (st *store) openBackend(ctx context.Context, written *logs.Store) (provider.Backend, error) {
	if st.set.Backend == "docker" {
		return docker.Open(ctx, docker.Config{
			Host: os.Getenv("DOCKER_HOST"), Store: st.set.State, Secrets: st.vault, Logs: written, Services: st.reachable(), Internal: st.set.DockerInside,
		})
	}
	sockets, err := os.MkdirTemp("", "fnstore-")
	if err != nil {
		return nil, err
	}
	st.onStop(func(context.Context) { _ = os.RemoveAll(sockets) })
	return process.Open(process.Config{
		SockDir: sockets, Secrets: st.vault, Logs: written, Unprivileged: os.Geteuid() == 0,
		Fetch: func(ctx context.Context, ref string) (process.Binary, error) {
			u, err := image.Unpack(ctx, ref, st.set.path("unpacked"))
			return process.Binary{Path: u.Binary, Digest: u.Digest, Env: u.Env, Root: u.Root, Dir: u.Dir, IgnoresFprocess: u.Server}, err
		},
	})
}

// reachable are the services of this store that functions have secrets for, and
// the gateway.
func (st *store) reachable() []string {
	list := []string{st.s3Addr, net.JoinHostPort("127.0.0.1", strconv.Itoa(st.set.GatewayPort))}
	for _, service := range []string{st.pg.URL(), st.redis.URL()} {
		if u, err := url.Parse(service); err == nil && u.Host != "" {
			list = append(list, u.Host)
		}
	}
	return list
}
