package docker

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"fnstore/kit/fault"
)

// Versions of the Engine API that the calls here are known to mean the same in.
const (
	leastAPI = "1.41" // Docker 20.10
	mostAPI  = "1.51"
)

const (
	defaultHost    = "unix:///var/run/docker.sock"
	maxAnswer      = 8 << 20          // bytes of an answer that are read
	requestTimeout = 60 * time.Second // for an answer that needs no download
)

// engine speaks the Docker Engine API over its socket.
type engine struct {
	socket  string
	version string
	http    *http.Client
	info    info
}

func connect(ctx context.Context, host string) (*engine, error) {
	if host == "" {
		host = defaultHost
	}
	socket, ok := strings.CutPrefix(host, "unix://")
	if !ok {
		return nil, fmt.Errorf("DOCKER_HOST is %q: only an engine of this machine can run functions, at unix://PATH", host)
	}
	e := &engine{socket: socket}
	e.http = &http.Client{Transport: &http.Transport{
		DialContext:         func(ctx context.Context, _, _ string) (net.Conn, error) { return e.dial(ctx) },
		MaxIdleConnsPerHost: 8,
		IdleConnTimeout:     30 * time.Second,
		DisableCompression:  true,
	}}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	var v struct{ APIVersion, MinAPIVersion string }
	if err := e.get(ctx, "/version", &v); err != nil {
		return nil, fmt.Errorf("is there a Docker engine at %s, and may this user use it? %w", host, err)
	}
	if e.version = v.APIVersion; newer(e.version, mostAPI) {
		e.version = mostAPI
	}
	if newer(leastAPI, e.version) || newer(v.MinAPIVersion, e.version) {
		return nil, fmt.Errorf("the engine speaks API %s to %s; %s to %s is spoken here", v.MinAPIVersion, v.APIVersion, leastAPI, mostAPI)
	}
	if err := e.get(ctx, "/info", &e.info); err != nil {
		return nil, err
	}
	if e.info.OSType != "linux" {
		return nil, fmt.Errorf("the engine runs %s containers; functions are Linux programs", e.info.OSType)
	}
	return e, nil
}

func (e *engine) dial(ctx context.Context) (net.Conn, error) {
	var d net.Dialer
	return d.DialContext(ctx, "unix", e.socket)
}

// newer reports whether API version a comes after b.
func newer(a, b string) bool {
	number := func(s string) int {
		major, minor, _ := strings.Cut(s, ".")
		x, _ := strconv.Atoi(major)
		y, _ := strconv.Atoi(minor)
		return x*1000 + y
	}
	return number(a) > number(b)
}

// info is what the engine says of itself.
type info struct {
	ServerVersion, OSType, OperatingSystem string
	SecurityOptions                        []string
	MemoryLimit, PidsLimit                 bool
	CPUCfsQuota                            bool `json:"CpuCfsQuota"`
}

func (i info) has(option string) bool {
	for _, o := range i.SecurityOptions {
		if o == "name="+option || strings.HasPrefix(o, "name="+option+",") {
			return true
		}
	}
	return false
}

// apart is true when the containers' network is not this machine's: their
// addresses lead nowhere here, and ours nowhere there.
func (i info) apart() bool {
	return i.has("rootless") || strings.Contains(i.OperatingSystem, "Docker Desktop")
}

func (i info) missing() (list []string) {
	for what, there := range map[string]bool{
		"memory is not bounded": i.MemoryLimit, "processors are not bounded": i.CPUCfsQuota,
		"how many processes a function starts is not bounded": i.PidsLimit, "system calls are not filtered (seccomp)": i.has("seccomp"),
	} {
		if !there {
			list = append(list, what)
		}
	}
	return list
}

// refusal is an answer of the engine that is not a success.
type refusal struct {
	status  int
	message string
}

func (r *refusal) Error() string { return "the container engine: " + r.message }

// absent is true when the engine has no such thing.
func absent(err error) bool {
	r, ok := errors.AsType[*refusal](err)
	return ok && r.status == http.StatusNotFound
}

func (e *engine) get(ctx context.Context, path string, out any) error {
	return e.call(ctx, http.MethodGet, path, nil, out)
}

// call sends one request and reads its whole answer.
func (e *engine) call(ctx context.Context, method, path string, in, out any) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	res, err := e.send(ctx, method, path, in)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if out == nil {
		_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, maxAnswer))
		return nil
	}
	if err := json.NewDecoder(io.LimitReader(res.Body, maxAnswer)).Decode(out); err != nil {
		return fmt.Errorf("read the container engine's answer to %s %s: %w", method, path, err)
	}
	return nil
}

// send gives an answer that is a success and has been read up to its body.
func (e *engine) send(ctx context.Context, method, path string, in any) (*http.Response, error) {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(b)
	}
	if e.version != "" {
		path = "/v" + e.version + path
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://docker"+path, body)
	if err != nil {
		return nil, err
	}
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := e.http.Do(req)
	if err != nil {
		if u, ok := errors.AsType[*url.Error](err); ok {
			err = u.Err
		}
		return nil, fault.New(fault.Unavailable, "engine_unreachable", "the container engine does not answer").Because(err)
	}
	if res.StatusCode < 300 || res.StatusCode == http.StatusNotModified { // it is so already
		return res, nil
	}
	defer res.Body.Close()
	var said struct{ Message string }
	b, _ := io.ReadAll(io.LimitReader(res.Body, 64<<10))
	if json.Unmarshal(b, &said) != nil || said.Message == "" {
		said.Message = res.Status
	}
	return nil, &refusal{res.StatusCode, said.Message}
}
