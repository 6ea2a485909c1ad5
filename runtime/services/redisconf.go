package services

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"strings"
)

// redisConf: verbs are port, data folder, pid file, log file, password hash.
const redisConf = `# Written at every start.
bind 127.0.0.1
port %d
protected-mode yes
daemonize no
dir %s
pidfile %s
logfile %s
loglevel notice

# The hash of the password, so this file gives nobody the password itself.
user default off
user fnstore on #%s ~* %s+@all

# At most a second of writes is lost with the machine, none with the process.
appendonly yes
appendfsync everysec
save ""

# Full means an error to the writer, never a key that silently goes missing.
maxmemory 128mb
maxmemory-policy noeviction
maxclients 1000
databases 16
tcp-keepalive 60
hz 5
`

// largeLog is when the log starts anew; Redis writes a few lines a day.
const largeLog = 5 << 20

func (r dataDir) configureRedis(port int, password string, major int) error {
	if info, err := os.Lstat(r.path("log/redis.log")); err == nil && info.Size() > largeLog {
		if err := os.Rename(r.path("log/redis.log"), r.path("log/redis.log.1")); err != nil {
			return fmt.Errorf("put a long log aside: %w", err)
		}
	}
	hash := sha256.Sum256([]byte(password))
	channels := ""
	if major >= 7 { // 6.2 knows channels too, and allows all of them by default
		channels = "&* "
	}
	conf := fmt.Sprintf(redisConf, port, literal(r.path("data")), literal(r.path("run/redis.pid")),
		literal(r.path("log/redis.log")), hex.EncodeToString(hash[:]), channels)
	if err := r.write("redis.conf", conf, 0o600); err != nil {
		return err
	}
	if r.who.foreign() {
		if err := os.Lchown(r.path("redis.conf"), int(r.who.uid), int(r.who.gid)); err != nil {
			return fmt.Errorf("hand redis its configuration: %w", err)
		}
	}
	return nil
}

// literal writes a value as redis.conf reads it, quoted() as postgresql.conf does.
func literal(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(s) + `"`
}

func quoted(s string) string { return strings.NewReplacer(`\`, `\\`, `'`, `''`, "\n", `\n`).Replace(s) }
