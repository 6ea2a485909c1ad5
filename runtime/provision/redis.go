package provision

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"fnstore/kit/fault"
)

// Redis gives a function that lists the secret NAME-redis a user of its own: an
// ACL user that sees the keys NAME:* and has the commands of data and scripts.
type Redis struct {
	Owner string // the owner's URL
}

// redisTimeout bounds what is asked of Redis.
const redisTimeout = 5 * time.Second

// rules are what a function's user may do (Redis documentation, "ACL"). Scripts
// run with the user's own rights. Left out are what administers the server, what
// names keys of others (keys, scan, randomkey, dbsize, sort), publish and
// subscribe, and functions, which all users share.
func rules(function, password string) []any {
	list := []any{"reset", "on", hashed(password), "resetchannels", "~" + function + ":*"}
	for _, rule := range strings.Fields(`
+@read +@write +@string +@hash +@list +@set +@sortedset +@stream +@bitmap +@hyperloglog +@geo
+@connection +@transaction -@scripting -@dangerous -@admin -@pubsub
+time +eval +evalsha +script|load +script|exists
-keys -scan -randomkey -dbsize -sort -select -swapdb -move`) {
		list = append(list, rule)
	}
	return list
}

// hashed is the rule that adds a password.
func hashed(password string) string {
	hash := sha256.Sum256([]byte(password))
	return "#" + hex.EncodeToString(hash[:])
}

// Suffix is redis.
func (r *Redis) Suffix() string { return "redis" }

// Wants reports whether the function lists NAME-redis.
func (r *Redis) Wants(f Function) bool { return f.Lists(r.Suffix()) }

// User is the ACL user.
func (r *Redis) User(function string) string { return "fn-" + function }

// Provide makes the user.
func (r *Redis) Provide(ctx context.Context, f Function, password string) (string, error) {
	err := r.do(ctx, append([]any{"acl", "setuser", r.User(f.Name)}, rules(f.Name, password)...)...)
	if err != nil {
		return "", fmt.Errorf("make the Redis user: %w", err)
	}
	return r.url(f.Name, password)
}

// Rotate adds a password to the user: it may have several.
func (r *Redis) Rotate(ctx context.Context, f Function, _, next string) (string, error) {
	if err := r.do(ctx, "acl", "setuser", r.User(f.Name), hashed(next)); err != nil {
		return "", fmt.Errorf("give the Redis user a password: %w", err)
	}
	return r.url(f.Name, next)
}

func (r *Redis) url(function, password string) (string, error) {
	u, err := url.Parse(r.Owner)
	if err != nil {
		return "", errors.New("the URL of Redis cannot be read") // the error would quote it
	}
	u.User = url.UserPassword(r.User(function), password)
	return u.String(), nil
}

// Withdraw removes the user and ends its connections. Its keys stay.
func (r *Redis) Withdraw(ctx context.Context, function string) error {
	if err := r.do(ctx, "acl", "deluser", r.User(function)); err != nil {
		return fmt.Errorf("remove the Redis user: %w", err)
	}
	return nil
}

// do runs one command as the owner. A server that keeps its users in a file is
// told to write it; others forget them at a restart, see Lost.
func (r *Redis) do(ctx context.Context, command ...any) error {
	return r.connect(ctx, func(ctx context.Context, client *redis.Client) error {
		if err := client.Do(ctx, command...).Err(); err != nil {
			if strings.HasPrefix(err.Error(), "NOPERM") || strings.HasPrefix(err.Error(), "NOAUTH") {
				return fault.New(fault.Unprocessable, "redis_rights",
					"the user of the Redis URL may not make users: it needs the command acl (acl setuser NAME +acl)").Because(err)
			}
			return err
		}
		_ = client.Do(ctx, "acl", "save").Err() // fails where users are kept nowhere
		return nil
	})
}

func (r *Redis) connect(ctx context.Context, do func(context.Context, *redis.Client) error) error {
	opt, err := redis.ParseURL(r.Owner)
	if err != nil {
		return errors.New("the URL of Redis cannot be read") // the error would quote it
	}
	opt.PoolSize = 1
	client := redis.NewClient(opt)
	defer client.Close()
	ctx, cancel := context.WithTimeout(ctx, redisTimeout)
	defer cancel()
	return do(ctx, client)
}

// Lost names the functions whose user is gone: Redis was restarted.
func (r *Redis) Lost(ctx context.Context, functions []string) (lost []string, err error) {
	err = r.connect(ctx, func(ctx context.Context, client *redis.Client) error {
		users, err := client.Do(ctx, "acl", "users").StringSlice()
		if err != nil {
			return err
		}
		there := map[string]bool{}
		for _, u := range users {
			there[u] = true
		}
		for _, f := range functions {
			if !there[r.User(f)] {
				lost = append(lost, f)
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list the Redis users: %w", err)
	}
	return lost, nil
}
