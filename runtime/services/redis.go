package services

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"
)

// Redis is a server that answers.
type Redis struct{ instance }

// StartRedis returns a Redis that answers: the external one it is told of, the
// private one that still runs in c.Dir, or one that it starts there. Its owner is
// the ACL user fnstore; the default user is off.
func StartRedis(ctx context.Context, c Config) (*Redis, error) {
	ctx, cancel := withDefaultTimeout(ctx)
	defer cancel()
	if c.External != "" {
		return externalRedis(ctx, c)
	}
	r, err := openDataDir(c.Dir, c.User, "redis", "nobody")
	if err != nil {
		return nil, err
	}
	bin, major, err := redisBin()
	if err != nil {
		return nil, err
	}
	unlock, err := r.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	for _, name := range []string{"data", "log", "run"} {
		if err := r.folder(name); err != nil {
			return nil, err
		}
	}
	password, err := r.password()
	if err != nil {
		return nil, err
	}
	e := redisEngine(r, c.logger())
	e.conf = func(port int) error { return r.configureRedis(port, password, major) }
	e.argv = func() *exec.Cmd {
		cmd := exec.Command(bin, r.path("redis.conf"))
		cmd.Args[0] = e.mark
		return cmd
	}
	e.ready = func(ctx context.Context, port int) error { return r.verifyServer(ctx, password, port) }
	p, port, adopted, err := e.startOrAdopt(ctx)
	if err != nil {
		return nil, err
	}
	u := redisURL(password, port)
	return &Redis{instance{engine: e, proc: p, url: u, port: port, adopted: adopted, ping: pingRedis(u)}}, nil
}

// redisEngine knows enough of a Redis to find and stop it.
func redisEngine(r dataDir, log *slog.Logger) *engine {
	return &engine{
		dataDir: r, name: "redis", log: log,
		mark:         r.path("redis-server"), // argv[0] is free to choose, and Redis keeps it in its title
		pid:          r.redisPID,
		stopSequence: []stopStep{{syscall.SIGTERM, 15 * time.Second}, {syscall.SIGKILL, 5 * time.Second}},
	}
}

func externalRedis(ctx context.Context, c Config) (*Redis, error) {
	opt, err := redis.ParseURL(c.External)
	if err != nil {
		return nil, errors.New("the URL of Redis must begin with redis:// or rediss://") // it may hold a password: not shown
	}
	ping := pingRedis(c.External)
	if err := ping(ctx); err != nil {
		return nil, fmt.Errorf("reach the given Redis: %w", err)
	}
	c.logger().Info("using a given service", "service", "redis", "host", opt.Addr)
	return &Redis{instance{url: c.External, ping: ping}}, nil
}

// singleAttempt is a client that tries once: startOrAdopt waits and tries again.
func singleAttempt(opt *redis.Options) *redis.Client {
	opt.MaxRetries, opt.DialerRetries, opt.PoolSize = -1, 1, 1
	return redis.NewClient(opt)
}

func redisURL(password string, port int) string {
	return fmt.Sprintf("redis://%s:%s@127.0.0.1:%d/0", owner, password, port)
}

func pingRedis(url string) func(context.Context) error {
	return func(ctx context.Context) error {
		opt, err := redis.ParseURL(url)
		if err != nil {
			return errors.New("the URL of Redis cannot be read") // the error would quote it
		}
		client := singleAttempt(opt)
		defer client.Close()
		return client.Ping(ctx).Err()
	}
}

// verifyServer succeeds when this very server answers. Redis is sent the password as it
// is, so whose port it is must be known first.
func (r dataDir) verifyServer(ctx context.Context, password string, port int) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	switch uid, err := listener(port); {
	case errors.Is(err, errNobody):
		return err // not yet
	case err == nil && uid != r.who.uid:
		return fmt.Errorf("%w: port %d belongs to user %d", ErrRefused, port, uid)
	}
	opt, err := redis.ParseURL(redisURL(password, port))
	if err != nil {
		return err
	}
	client := singleAttempt(opt)
	defer client.Close()
	info, err := client.Info(ctx, "server").Result()
	if err != nil {
		if strings.HasPrefix(err.Error(), "WRONGPASS") {
			return fmt.Errorf("%w: wrong password", ErrRefused)
		}
		return err
	}
	if !strings.Contains(info, "config_file:"+r.path("redis.conf")+"\r\n") {
		return fmt.Errorf("%w: another Redis answers at port %d", ErrRefused, port)
	}
	return nil
}

// redisPID is the pid in Redis' own pid file, 0 when there is none.
func (r dataDir) redisPID() int {
	b, err := os.ReadFile(r.path("run/redis.pid"))
	if err != nil {
		return 0
	}
	return pidIn(b)
}
