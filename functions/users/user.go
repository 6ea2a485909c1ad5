package function

import (
	"crypto/rand"
	"encoding/hex"
	"regexp"
	"strconv"
	"strings"
	"time"

	"fnstore/kit/fault"
	"fnstore/kit/rest"
)

// user is a row, and what callers see of it.
type user struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	Email     string    `json:"email"`
	CreatedAt time.Time `json:"created_at" db:"created_at"`
	UpdatedAt time.Time `json:"updated_at" db:"updated_at"`
	Version   int64     `json:"-"`
}

const columns = `id::text, name, email, created_at, updated_at, version`

// etag is the version in a strong validator (RFC 9110 section 8.8.3).
func (u user) etag() string { return `"` + strconv.FormatInt(u.Version, 10) + `"` }

func notFound() error {
	return fault.New(fault.NotFound, "user_not_found", "there is no user with this id")
}

func taken() error {
	return fault.New(fault.Conflict, "email_taken", "there is a user with this e-mail address")
}

var uuid = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)

// reached gives the id of the path, if it can be a user's that the caller may
// reach: their own, or any for an administrator. What they may not reach looks
// to them like what is not there.
func reached(c rest.Caller, id string) (string, error) {
	id = strings.ToLower(id)
	if !uuid.MatchString(id) || id != c.ID && !c.Has(admin) {
		return "", notFound()
	}
	return id, nil
}

// emailKey is what makes two addresses the same.
func emailKey(email string) string { return strings.ToLower(email) }

// newID makes a UUID of version 7 (RFC 9562 section 5.7): in the order of time,
// so that pages follow it.
func newID(now time.Time) string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	ms := now.UnixMilli()
	for i := range 6 {
		b[i] = byte(ms >> (40 - 8*i))
	}
	b[6] = b[6]&0x0f | 0x70
	b[8] = b[8]&0x3f | 0x80
	s := hex.EncodeToString(b[:])
	return s[:8] + "-" + s[8:12] + "-" + s[12:16] + "-" + s[16:20] + "-" + s[20:]
}

// versions reads If-Match. Any is nil: the header is absent or *. A tag that is
// weak or not ours matches nothing.
func versions(values []string) (list []int64, conditional bool) {
	if len(values) == 0 {
		return nil, false
	}
	list = []int64{}
	for tag := range strings.SplitSeq(strings.Join(values, ","), ",") {
		tag = strings.TrimSpace(tag)
		if tag == "*" {
			return nil, true
		}
		if n, err := strconv.ParseInt(strings.Trim(tag, `"`), 10, 64); err == nil && tag == `"`+strconv.FormatInt(n, 10)+`"` {
			list = append(list, n)
		}
	}
	return list, true
}
