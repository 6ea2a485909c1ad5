package token

import (
	"compress/gzip"
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"fnstore/kit/fault"
)

// Seed: R52, B56
func TestSign_MakesWhatCheckReads(t *testing.T) {
	edKey, hsKey := must(FromSeed(seed)), must(FromSecret(secret))
	for _, k := range []Key{edKey, hsKey} {
		v := &Verifier{Issuer: "auth", Audience: "api", Keys: func() ([]Key, error) { return []Key{k}, nil }, Now: func() time.Time { return now }}
		ask := Claims{Issuer: "auth", Audience: audience{"api"}, Subject: "u1", Email: "a@example.org", Roles: []string{"admin"}}
		raw := must(Sign(k, ask, now, 0))
		c, err := v.Check(raw)
		if err != nil {
			t.Fatalf("%v: %s", err, Reason(err))
		}
		if c.UserID != "u1" || c.Email != "a@example.org" || c.Roles[0] != "admin" || c.ID == "" || c.IssuedAt != now.Unix() || c.NotBefore != now.Unix() || c.Expires != now.Unix()+900 {
			t.Errorf("%+v", c)
		}
		again := must(v.Check(must(Sign(k, ask, now, 0))))
		if again.ID == c.ID {
			t.Error("two tokens have the same jti")
		}
	}
	if _, err := Sign(must(ParseSet(PublicSet(edKey)))[0], Claims{}, now, 0); err == nil {
		t.Error("a public key signs")
	}
}

// While keys rotate both are accepted; afterwards the old one is not, and no
// verifier was made anew.
//
// Seed: B55
func TestSet_TwoKeysWhileRotating(t *testing.T) {
	older, newer := must(FromSeed(seed)), must(FromSeed(strings.Repeat("07", 32)))
	file := string(PublicSet(older))
	v := &Verifier{Issuer: "auth", Audience: "api", Keys: Set(func() (string, error) { return file, nil }), Now: func() time.Time { return now }}
	check := func(k Key) error {
		_, err := v.Check(must(Sign(k, Claims{Issuer: "auth", Audience: audience{"api"}, Subject: "u"}, now, 0)))
		return err
	}
	for _, step := range []struct {
		file           string
		older, newerOK bool
	}{{string(PublicSet(older)), true, false}, {string(PublicSet(newer, older)), true, true}, {string(PublicSet(newer)), false, true}} {
		file = step.file
		if a, b := check(older) == nil, check(newer) == nil; a != step.older || b != step.newerOK {
			t.Errorf("%s: old %v, new %v", file, a, b)
		}
	}
	file = "{"
	if err := check(newer); fault.Of(err).Kind != fault.Unavailable {
		t.Errorf("a broken set: %v", err)
	}
}

// A token that is remembered still ends.
func TestCheck_RememberedTokensEnd(t *testing.T) {
	file := string(PublicSet(must(FromSeed(seed))))
	clock := now
	v := &Verifier{Issuer: "auth", Audience: "api", Keys: Set(func() (string, error) { return file, nil }), Now: func() time.Time { return clock }}
	raw := must(Sign(must(FromSeed(seed)), Claims{Issuer: "auth", Audience: audience{"api"}, Subject: "u"}, now, 0))
	for range 3 {
		if _, err := v.Check(raw); err != nil {
			t.Fatal(Reason(err))
		}
	}
	if len(v.known.claims) != 1 {
		t.Errorf("%d tokens are remembered", len(v.known.claims))
	}
	clock = now.Add(DefaultLifetime + Leeway + time.Second)
	if _, err := v.Check(raw); err == nil {
		t.Error("a token holds after its end")
	}
	for i := range maxKnown + 10 {
		_, _ = v.Check(must(Sign(must(FromSeed(seed)), Claims{Issuer: "auth", Audience: audience{"api"}, Subject: "u" + string(rune('a'+i%26))}, clock, 0)))
	}
	if len(v.known.claims) > maxKnown {
		t.Errorf("%d tokens are remembered", len(v.known.claims))
	}
}

func TestKeys_TooShortOrOddAreRefused(t *testing.T) {
	for _, s := range []string{"", "ab", strings.Repeat("zz", 32), strings.Repeat("ab", 33)} {
		if _, err := FromSeed(s); err == nil || s != "" && strings.Contains(err.Error(), s) {
			t.Errorf("%q: %v", s, err)
		}
	}
	if _, err := FromSecret("your-secret-key"); err == nil {
		t.Error("a secret of 15 bytes is accepted")
	}
}

// Seed: B66
func TestBearer_OneHeaderInAnyCase(t *testing.T) {
	for _, c := range []struct {
		values []string
		want   string
		detail string
	}{
		{nil, "", "Missing authorization header"},
		{[]string{"Bearer a.b.c"}, "a.b.c", ""}, {[]string{"bearer a.b.c"}, "a.b.c", ""}, {[]string{"BEARER   a.b.c"}, "a.b.c", ""},
		{[]string{"Bearer a", "Bearer b"}, "", "Invalid authorization header"}, {[]string{"Basic YTpi"}, "", "Invalid authorization header"},
		{[]string{"Bearer"}, "", "Invalid authorization header"}, {[]string{"Bearer "}, "", "Invalid authorization header"}, {[]string{"a.b.c"}, "", "Invalid authorization header"},
		{[]string{"Bearer a b"}, "", "Invalid authorization header"}, {[]string{"Bearer a,Bearer b"}, "", "Invalid authorization header"}, {[]string{""}, "", "Invalid authorization header"},
	} {
		h := http.Header{"Authorization": c.values}
		got, err := Bearer(h)
		if got != c.want || err == nil != (c.detail == "") || err != nil && fault.Of(err).Detail != c.detail {
			t.Errorf("%q: %q, %v", c.values, got, err)
		}
	}
}

type vectors struct {
	NumberOfTests int
	TestGroups    []struct {
		Comment         string
		Public, Private json.RawMessage
		Tests           []struct {
			TcID    int
			Comment string
			Jws     json.RawMessage
			Result  string
		}
	}
}

// mistaken are vectors that are called invalid and equal a valid one, 357, byte
// for byte: the padding they speak of was lost.
var mistaken = map[int]bool{367: true, 370: true}

// lenient are vectors that call a character outside of base64url valid. RFC
// 7515 section 2 and appendix C do not, and neither does this package.
var lenient = map[int]bool{372: true, 373: true}

// Project Wycheproof's tokens: what is invalid is refused, and what is valid by
// an algorithm of ours is accepted. Its keys for EdDSA are none; RSA and ECDSA
// are refused altogether.
func TestToken_Wycheproof(t *testing.T) {
	for _, name := range []string{"json_web_signature_test", "json_web_key_test"} {
		f, err := os.Open("testdata/wycheproof/" + name + ".json.gz")
		if err != nil {
			t.Fatal(err)
		}
		z, err := gzip.NewReader(f)
		if err != nil {
			t.Fatal(err)
		}
		var all vectors
		if err := json.NewDecoder(z).Decode(&all); err != nil {
			t.Fatal(err)
		}
		f.Close()
		tried, valid := 0, 0
		for _, g := range all.TestGroups {
			set := g.Public
			if set == nil {
				set = g.Private
			}
			if !strings.Contains(string(set), `"keys"`) {
				set = json.RawMessage(`{"keys":[` + string(set) + `]}`)
			}
			keys, _ := ParseSet(set)
			for _, c := range g.Tests {
				var raw string
				if json.Unmarshal(c.Jws, &raw) != nil {
					raw = string(c.Jws) // the JSON serialization
				}
				_, err := open(raw, keys)
				want := (c.Result == "valid" && !lenient[c.TcID] || mistaken[c.TcID] && g.Comment == "base64") && strings.Contains(string(set), `"HS256"`)
				if tried++; want {
					valid++
				}
				if want != (err == nil) {
					t.Errorf("%s %d, %s: %v, want accepted %v", name, c.TcID, c.Comment, err, want)
				}
			}
		}
		if tried != all.NumberOfTests || valid == 0 {
			t.Errorf("%s: %d tried of %d, %d of them valid", name, tried, all.NumberOfTests, valid)
		}
		t.Logf("%s: %d vectors, %d to accept", name, tried, valid)
	}
}

func FuzzParseSet(f *testing.F) {
	f.Add(PublicSet(must(FromSeed(seed))))
	f.Add([]byte(`{"keys":[{"kty":"oct","alg":"HS256","k":"AAAA"}]}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		keys, err := ParseSet(raw)
		if (err == nil) != (len(keys) > 0) {
			t.Errorf("%d keys and %v", len(keys), err)
		}
	})
}
