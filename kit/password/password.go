// Package password hashes passwords with argon2id (RFC 9106), a bounded number
// at once, since each takes memory. It does not know whose they are.
package password

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"math"
	"runtime"
	"runtime/debug"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"

	"fnstore/kit/fault"
)

// The cost of a hash: OWASP's first choice for argon2id.
const (
	memoryKiB = 19 << 10
	passes    = 2
	threads   = 1
	saltSize  = 16
	hashSize  = 32
)

// Lengths of a password in characters (NIST SP 800-63B section 5.1.1.2).
const (
	MinLength = 8
	MaxLength = 128
)

// patience is how long a hash waits for its turn.
const patience = time.Second

// reserve is what everything else of a process needs, in bytes.
const reserve = 32 << 20

// Hasher bounds how many hashes are made at once.
type Hasher struct{ turns chan struct{} }

// New makes a Hasher for as many hashes at once as the memory limit of the
// process allows (GOMEMLIMIT, which follows the function's limit): each may
// leave as much behind for the garbage collector as it uses. Without a limit it
// is one for each processor.
func New() *Hasher {
	n := runtime.GOMAXPROCS(0)
	if limit := debug.SetMemoryLimit(-1); limit < math.MaxInt64 {
		n = min(n, int((limit-reserve)/(2*memoryKiB<<10)))
	}
	return &Hasher{make(chan struct{}, max(1, n))}
}

func (h *Hasher) key(ctx context.Context, password string, salt []byte) ([]byte, error) {
	wait := time.NewTimer(patience)
	defer wait.Stop()
	select {
	case h.turns <- struct{}{}:
		defer func() { <-h.turns }()
	case <-wait.C:
		return nil, fault.New(fault.TooMany, "too_many_logins", "too many passwords are being checked at the moment").After(time.Second)
	case <-ctx.Done():
		return nil, fault.New(fault.Timeout, "too_many_logins", "no time was left to check a password").Because(context.Cause(ctx))
	}
	return argon2.IDKey([]byte(password), salt, passes, memoryKiB, threads, hashSize), nil
}

// prefix of every hash made here, in the PHC string format.
var prefix = fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$", argon2.Version, memoryKiB, passes, threads)

// Hash makes what is stored of a password. It returns fault.Invalid for one that
// is too short or too long, and fault.TooMany when too many are made at once.
func (h *Hasher) Hash(ctx context.Context, password string) (string, error) {
	if n := utf8.RuneCountInString(password); n < MinLength || n > MaxLength || !utf8.ValidString(password) {
		return "", fault.New(fault.Invalid, "bad_password", "a password has %d to %d characters", MinLength, MaxLength)
	}
	salt := make([]byte, saltSize)
	_, _ = rand.Read(salt) // never fails (crypto/rand)
	key, err := h.key(ctx, password, salt)
	if err != nil {
		return "", err
	}
	return prefix + base64.RawStdEncoding.EncodeToString(salt) + "$" + base64.RawStdEncoding.EncodeToString(key), nil
}

// nobody's salt is hashed with when there is nothing to compare with.
var nobody = make([]byte, saltSize)

// Matches reports whether stored was made of password. What is no hash, an
// empty string among it, matches nothing and takes as long as one that is.
func (h *Hasher) Matches(ctx context.Context, password, stored string) (bool, error) {
	if len(password) > 4*MaxLength {
		password = password[:4*MaxLength] // no password of ours is longer; it cannot match
	}
	salt, want, ok := parse(stored)
	if !ok {
		salt, want = nobody, make([]byte, hashSize)
	}
	key, err := h.key(ctx, password, salt)
	if err != nil {
		return false, err
	}
	return subtle.ConstantTimeCompare(key, want) == 1 && ok, nil
}

func parse(stored string) (salt, key []byte, ok bool) {
	rest, ok := strings.CutPrefix(stored, prefix)
	if !ok {
		return nil, nil, false
	}
	a, b, _ := strings.Cut(rest, "$")
	salt, err := base64.RawStdEncoding.DecodeString(a)
	if err != nil || len(salt) != saltSize {
		return nil, nil, false
	}
	key, err = base64.RawStdEncoding.DecodeString(b)
	return salt, key, err == nil && len(key) == hashSize
}
