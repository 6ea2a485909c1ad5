package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/jackc/pgx/v5"

	"fnstore/tests/storetest"
)

// peer is another queue, as a program that runs a closed loop.
type peer struct {
	name, title string
	binary      string
	env         []string
	remove      func()
}

// build compiles the peers, each in a folder of its own with its own module.
func build(ctx context.Context, s *storetest.Store) (list []peer, absent []error) {
	for _, p := range []peer{{name: "river", title: "River"}, {name: "nats", title: "NATS JetStream, syncing always"}} {
		if err := p.build(ctx, s); err != nil {
			absent = append(absent, err)
			continue
		}
		list = append(list, p)
	}
	return list, absent
}

func (p *peer) build(ctx context.Context, s *storetest.Store) error {
	dir, err := os.MkdirTemp("", "fnstore-peer-")
	if err != nil {
		return err
	}
	p.remove = func() { _ = os.RemoveAll(dir) }
	module := filepath.Join(dir, p.name)
	if err := os.CopyFS(module, os.DirFS(filepath.Join(s.Root, "tests/bench/peers", p.name))); err != nil {
		return err
	}
	p.binary = filepath.Join(dir, "run")
	cmd := exec.CommandContext(ctx, "go", "build", "-mod=mod", "-trimpath", "-o", p.binary, ".")
	cmd.Dir = module
	if said, err := cmd.CombinedOutput(); err != nil {
		p.remove()
		return fmt.Errorf("%s cannot be compiled: %w: %.300s", p.title, err, said)
	}
	at, err := database(ctx, s.Postgres, "peer_"+p.name)
	if err != nil {
		p.remove()
		return err
	}
	p.env = append(os.Environ(), "PEER_POSTGRES="+at, "PEER_CALL="+s.URL+"/function/"+fn)
	return nil
}

// database makes a database beside the store's, in the same server.
func database(ctx context.Context, owner, name string) (string, error) {
	conn, err := pgx.Connect(ctx, owner)
	if err != nil {
		return "", err
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, "create database "+name); err != nil {
		return "", fmt.Errorf("make a database for a peer: %w", err)
	}
	u, err := url.Parse(owner)
	if err != nil {
		return "", err
	}
	u.Path = "/" + name
	return u.String(), nil
}

func (p *peer) loop(ctx context.Context, length time.Duration) (result, error) {
	cmd := exec.CommandContext(ctx, p.binary, "-for", length.String(), "-submitters", fmt.Sprint(submitters))
	cmd.Env, cmd.Stderr = p.env, os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return result{}, fmt.Errorf("%s: %w", p.title, err)
	}
	var r result
	var seconds float64
	if _, err := fmt.Sscan(string(out), &r.n, &seconds, &r.p50); err != nil {
		return result{}, errors.Join(fmt.Errorf("%s said %q", p.title, out), err)
	}
	r.elapsed = time.Duration(seconds * float64(time.Second))
	return r, nil
}
