package token

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"fnstore/kit/fault"
)

const (
	seed   = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60" // RFC 8032 section 7.1, test 1
	secret = "0123456789abcdef0123456789abcdef"
)

var now = time.Unix(1_800_000_000, 0)

func seg(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

// forge signs any header and payload with the real EdDSA key.
func forge(t testing.TB, header, payload string) string {
	t.Helper()
	k, err := FromSeed(seed)
	if err != nil {
		t.Fatal(err)
	}
	s := seg(header) + "." + seg(payload)
	return s + "." + seg(string(ed25519.Sign(k.sign.(ed25519.PrivateKey), []byte(s))))
}

// mac signs with a shared secret.
func mac(key []byte, header, payload string) string {
	s := seg(header) + "." + seg(payload)
	m := hmac.New(sha256.New, key)
	m.Write([]byte(s))
	return s + "." + seg(string(m.Sum(nil)))
}

// parties are a verifier of each algorithm, and a good header and payload.
func parties(t testing.TB) (ed, hs *Verifier, kid, head, body string) {
	t.Helper()
	k, err := FromSeed(seed)
	if err != nil {
		t.Fatal(err)
	}
	h, err := FromSecret(secret)
	if err != nil {
		t.Fatal(err)
	}
	with := func(k Key) *Verifier {
		return &Verifier{Issuer: "auth", Audience: "api", Keys: func() ([]Key, error) { return []Key{k}, nil }, Now: func() time.Time { return now }}
	}
	head = `{"alg":"EdDSA","typ":"JWT","kid":"` + k.ID + `"}`
	return with(k), with(h), k.ID, head, claims("")
}

// claims is a good payload in which pairs of old and new text are replaced.
func claims(change ...string) string {
	s := fmt.Sprintf(`{"iss":"auth","aud":"api","sub":"u1","user_id":"u1","email":"a@example.org","roles":["user"],"iat":%d,"nbf":%[1]d,"exp":%d,"jti":"j"}`, now.Unix(), now.Add(DefaultLifetime).Unix())
	if len(change) == 2 {
		s = strings.Replace(s, change[0], change[1], 1)
	}
	return s
}

// Seed: B55, B57
func TestCheck_NoCraftedTokenIsAccepted(t *testing.T) {
	ed, hs, kid, head, body := parties(t)
	good := forge(t, head, body)
	part := strings.Split(good, ".")
	public := ed25519.PublicKey(must(ed.Keys())[0].verify.(ed25519.PublicKey))
	der, _ := x509.MarshalPKIXPublicKey(public)
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	rs := func(alg, signWith string) string {
		tok := jwt.NewWithClaims(jwt.GetSigningMethod(signWith), jwt.MapClaims{"iss": "auth", "aud": "api", "sub": "u1", "iat": now.Unix(), "exp": now.Unix() + 60})
		tok.Header["alg"], tok.Header["kid"] = alg, kid
		return must(tok.SignedString(rsaKey))
	}
	other := strings.Repeat("ab", 32)
	strange, _ := FromSeed(other)
	byOther := must(Sign(strange, Claims{Issuer: "auth", Audience: audience{"api"}, Subject: "u1"}, now, 0))
	h := func(s string) string { return forge(t, s, body) }
	p := func(change ...string) string { return forge(t, head, claims(change...)) }
	iat, exp := fmt.Sprintf(`"iat":%d`, now.Unix()), fmt.Sprintf(`"exp":%d`, now.Add(DefaultLifetime).Unix())
	nbf := fmt.Sprintf(`"nbf":%d`, now.Unix())
	at := func(name string, d time.Duration) string { return fmt.Sprintf(`"%s":%d`, name, now.Add(d).Unix()) }
	attacks := map[string]string{
		"empty": "", "one part": part[0], "two parts": part[0] + "." + part[1], "four parts": good + ".x", "five parts, an encrypted token": good + ".a.b",
		"dots": "..", "a million dots": strings.Repeat(".", 1<<20), "1 MiB": part[0] + "." + strings.Repeat("A", 1<<20) + "." + part[2], "over 8 KiB": p(`"jti":"j"`, `"jti":"`+strings.Repeat("j", MaxLength)+`"`),
		"no signature": part[0] + "." + part[1] + ".", "a signature of another token": part[0] + "." + seg(claims(`"user"`, `"admin"`)) + "." + part[2],
		"a changed signature": part[0] + "." + part[1] + "." + flip(part[2]), "a short signature": part[0] + "." + part[1] + "." + part[2][:40], "a signature of zeros": part[0] + "." + part[1] + "." + seg(string(make([]byte, 64))),
		"padding": part[0] + "=." + part[1] + "." + part[2], "a line break": part[0] + "." + part[1][:10] + "\n" + part[1][10:] + "." + part[2], "a carriage return at the end": good + "\r", "a space before": " " + good, "a space after": good + " ", "base64 of the other alphabet": part[0] + "." + part[1] + "." + strings.NewReplacer("-", "+", "_", "/").Replace(part[2]) + "+/",
		"trailing bits": part[0] + "." + part[1] + "." + trailing(part[2]), "NUL": good + "\x00", "not UTF-8": forge(t, head, strings.Replace(body, "auth", "au\xffth", 1)),
		"alg none": seg(`{"alg":"none","kid":"`+kid+`"}`) + "." + part[1] + ".", "alg None": seg(`{"alg":"None","kid":"`+kid+`"}`) + "." + part[1] + "." + part[2], "alg NONE": seg(`{"alg":"NONE"}`) + "." + part[1] + ".", "alg none, signed": h(`{"alg":"none","kid":"` + kid + `"}`),
		"no alg": h(`{"typ":"JWT","kid":"` + kid + `"}`), "empty alg": h(`{"alg":"","kid":"` + kid + `"}`), "alg null": h(`{"alg":null,"kid":"` + kid + `"}`), "alg a number": h(`{"alg":1,"kid":"` + kid + `"}`), "alg a list": h(`{"alg":["EdDSA"],"kid":"` + kid + `"}`), "alg in lower case": h(`{"alg":"eddsa","kid":"` + kid + `"}`), "alg with a space": h(`{"alg":"EdDSA ","kid":"` + kid + `"}`), "alg Ed25519ph": h(`{"alg":"Ed25519ph","kid":"` + kid + `"}`),
		"HS256 with the public key": mac(public, `{"alg":"HS256","kid":"`+kid+`"}`, body), "HS256 with the public key, no kid": mac(public, `{"alg":"HS256"}`, body), "HS256 with its PEM": mac(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), `{"alg":"HS256","kid":"`+kid+`"}`, body), "HS256 with its DER": mac(der, `{"alg":"HS256","kid":"`+kid+`"}`, body),
		"HS256 with no key": mac(nil, `{"alg":"HS256","kid":"`+kid+`"}`, body), "HS256 with the key's id": mac([]byte(kid), `{"alg":"HS256","kid":"`+kid+`"}`, body), "HS512": mac([]byte(secret), `{"alg":"HS512","kid":"`+kid+`"}`, body),
		"RS256": rs("RS256", "RS256"), "PS256": rs("PS256", "PS256"), "RS256 that says EdDSA": rs("EdDSA", "RS256"), "EdDSA that says RS256": h(`{"alg":"RS256","kid":"` + kid + `"}`), "EdDSA that says ES256": h(`{"alg":"ES256","kid":"` + kid + `"}`), "EdDSA that says HS256": h(`{"alg":"HS256","kid":"` + kid + `"}`),
		"another key": byOther, "another key with our kid": swapHead(byOther, head), "no kid": h(`{"alg":"EdDSA"}`), "kid empty": h(`{"alg":"EdDSA","kid":""}`), "kid null": h(`{"alg":"EdDSA","kid":null}`), "kid a number": h(`{"alg":"EdDSA","kid":0}`), "kid a path": h(`{"alg":"EdDSA","kid":"../../../../dev/null"}`), "kid SQL": h(`{"alg":"EdDSA","kid":"x' union select 'a"}`), "kid a URL": h(`{"alg":"EdDSA","kid":"https://example.org/k"}`), "kid in another case": h(`{"alg":"EdDSA","kid":"` + strings.ToUpper(kid) + `"}`), "kid with a NUL": h(`{"alg":"EdDSA","kid":"` + kid + `\u0000"}`),
		"jku": h(`{"alg":"EdDSA","kid":"` + kid + `","jku":"https://example.org/jwks"}`), "jwk": h(`{"alg":"EdDSA","kid":"` + kid + `","jwk":{"kty":"OKP"}}`), "x5u": h(`{"alg":"EdDSA","kid":"` + kid + `","x5u":"https://example.org"}`), "x5c": h(`{"alg":"EdDSA","kid":"` + kid + `","x5c":[]}`), "JKU": h(`{"alg":"EdDSA","kid":"` + kid + `","JKU":"https://example.org"}`),
		"crit": h(`{"alg":"EdDSA","kid":"` + kid + `","crit":["exp"]}`), "crit empty": h(`{"alg":"EdDSA","kid":"` + kid + `","crit":[]}`), "crit null": h(`{"alg":"EdDSA","kid":"` + kid + `","crit":null}`), "b64 false": h(`{"alg":"EdDSA","kid":"` + kid + `","b64":false,"crit":["b64"]}`), "b64 alone": h(`{"alg":"EdDSA","kid":"` + kid + `","b64":false}`), "b64 true": h(`{"alg":"EdDSA","kid":"` + kid + `","b64":true}`), "zip": h(`{"alg":"EdDSA","kid":"` + kid + `","zip":"DEF"}`), "enc": h(`{"alg":"EdDSA","kid":"` + kid + `","enc":"A128GCM"}`), "cty": h(`{"alg":"EdDSA","kid":"` + kid + `","cty":"JWT"}`),
		"typ of another token": h(`{"alg":"EdDSA","kid":"` + kid + `","typ":"secevent+jwt"}`), "typ a number": h(`{"alg":"EdDSA","kid":"` + kid + `","typ":1}`), "alg twice": h(`{"alg":"none","alg":"EdDSA","kid":"` + kid + `"}`), "alg twice, cases": h(`{"alg":"EdDSA","ALG":"none","kid":"` + kid + `"}`), "ALG alone": h(`{"ALG":"EdDSA","kid":"` + kid + `"}`), "kid twice": h(`{"alg":"EdDSA","kid":"x","kid":"` + kid + `"}`), "header a list": h(`["EdDSA"]`), "header null": h(`null`), "header cut": h(`{"alg":"EdDSA"`), "header and more": h(head + `{}`),
		"payload a list": forge(t, head, `[]`), "payload a string": forge(t, head, `"x"`), "payload null": forge(t, head, `null`), "payload empty": forge(t, head, ``), "payload cut": forge(t, head, body[:len(body)-1]), "payload and more": forge(t, head, body+"{}"), "payload too deep": forge(t, head, `{"x":`+strings.Repeat("[", 3000)+strings.Repeat("]", 3000)+`,`+body[1:]),
		"no exp": p(","+exp, ""), "exp null": p(exp, `"exp":null`), "exp a string": p(exp, `"exp":"1900000000"`), "exp past": forge(t, head, strings.Replace(strings.Replace(body, exp, at("exp", -31*time.Second), 1), iat, at("iat", -time.Hour), 1)), "exp in a year": p(exp, at("exp", 365*24*time.Hour)), "exp 1e99": p(exp, `"exp":1e99`), "exp 1e400": p(exp, `"exp":1e400`), "exp over int64": p(exp, `"exp":9223372036854775808`), "exp at its end": p(exp, `"exp":9223372036854775807`), "exp negative": p(exp, `"exp":-1`), "exp zero": p(exp, `"exp":0`), "exp twice": p(exp, exp+`,"exp":1`), "EXP": p(exp, strings.ToUpper(exp)), "exp before iat": p(exp, at("exp", -10*time.Second)), "exp true": p(exp, `"exp":true`), "exp a fraction": p(exp, exp+".5"),
		"no iat": p(iat+",", ""), "iat ahead": p(iat, at("iat", time.Minute)), "iat null": p(iat, `"iat":null`), "iat a string": p(iat, `"iat":"0"`), "iat of 1970": p(iat, `"iat":0`), "iat negative": p(iat, `"iat":-9223372036854775808`), "nbf ahead": p(nbf, at("nbf", 31*time.Second)), "nbf null": p(nbf, `"nbf":null`), "NBF beside nbf": p(nbf, nbf+`,"NBF":9`), "nbf a string": p(nbf, `"nbf":"now"`),
		"no iss": p(`"iss":"auth",`, ""), "another iss": p(`"auth"`, `"evil"`), "iss in another case": p(`"auth"`, `"AUTH"`), "iss with a slash": p(`"auth"`, `"auth/"`), "iss a list": p(`"auth"`, `["auth"]`), "iss null": p(`"auth"`, `null`), "iss empty": p(`"auth"`, `""`), "Iss": p(`"iss"`, `"Iss"`),
		"no aud": p(`"aud":"api",`, ""), "another aud": p(`"api"`, `"other"`), "aud begins alike": p(`"api"`, `"api2"`), "aud empty": p(`"api"`, `""`), "aud an empty list": p(`"api"`, `[]`), "aud a list without us": p(`"api"`, `["a","b"]`), "aud a number": p(`"api"`, `1`), "aud an object": p(`"api"`, `{"api":1}`), "aud a list of lists": p(`"api"`, `[["api"]]`), "aud twice": p(`"aud":"api"`, `"aud":"x","aud":"api"`),
		"no sub": p(`"sub":"u1",`, ""), "sub empty": p(`"sub":"u1"`, `"sub":""`), "sub a number": p(`"sub":"u1"`, `"sub":1`), "sub another than user_id": p(`"sub":"u1"`, `"sub":"u2"`), "sub twice": p(`"sub":"u1"`, `"sub":"u1","sub":"u1"`), "sub escaped and plain": p(`"sub":"u1"`, `"sub":"u1","\u0073ub":"admin"`), "SUB": p(`"sub":"u1"`, `"sub":"u1","SUB":"admin"`), "ſub": p(`"sub":"u1"`, `"sub":"u1","ſub":"admin"`), "sub too long": p(`u1","user_id":"u1`, strings.Repeat("u", 400)+`","user_id":"`+strings.Repeat("u", 400)),
		"roles a string": p(`["user"]`, `"admin"`), "roles of numbers": p(`["user"]`, `[1]`), "roles twice": p(`"roles":["user"]`, `"roles":["user"],"Roles":["admin"]`), "roles null": p(`["user"]`, `null`), "many roles": p(`["user"]`, `["r"`+strings.Repeat(`,"r"`, 40)+`]`), "email an object": p(`"a@example.org"`, `{}`), "jti a number": p(`"j"`, `1`),
	}
	for name, raw := range attacks {
		for _, v := range []*Verifier{ed, hs} {
			_, err := v.Check(raw)
			if f := fault.Of(err); err == nil || f.Kind != fault.Unauthorized || f.Code != "invalid_token" || f.Detail != "Invalid token" || f.Cause != nil || Reason(err) == "" {
				t.Errorf("%s: accepted, or told apart: %v", name, err)
			}
		}
	}
	if _, err := ed.Check(mac([]byte(secret), `{"alg":"HS256"}`, body)); err == nil {
		t.Error("HS256 is accepted where EdDSA is right")
	}
	if _, err := hs.Check(mac([]byte(strings.Repeat("x", 32)), `{"alg":"HS256"}`, body)); err == nil {
		t.Error("HS256 with another secret is accepted")
	}
	t.Logf("%d crafted tokens, each against two verifiers: none accepted", len(attacks))
	if len(attacks) < 100 {
		t.Errorf("%d attacks are not 100", len(attacks))
	}
}

// Seed: B57
func TestCheck_GoodTokensAreAccepted(t *testing.T) {
	ed, hs, kid, head, body := parties(t)
	for name, raw := range map[string]string{
		"as made": forge(t, head, body), "no typ": forge(t, `{"alg":"EdDSA","kid":"`+kid+`"}`, body), "typ at+jwt": forge(t, `{"typ":"at+JWT","alg":"EdDSA","kid":"`+kid+`"}`, body),
		"a header that means nothing": forge(t, `{"alg":"EdDSA","kid":"`+kid+`","x-note":[1,{"a":2}]}`, body), "white space": forge(t, " {\n\"alg\" : \"EdDSA\", \"kid\":\""+kid+"\" } ", " "+body+"\n"),
		"aud a list": forge(t, head, claims(`"api"`, `["x","api"]`)), "no nbf": forge(t, head, claims(fmt.Sprintf(`"nbf":%d,`, now.Unix()), "")), "no user_id": forge(t, head, claims(`"user_id":"u1",`, "")),
		"another claim": forge(t, head, claims(`{`, `{"locale":{"a":"é"},`)), "a clock 29 s ahead": forge(t, head, claims(fmt.Sprintf(`"nbf":%d`, now.Unix()), fmt.Sprintf(`"nbf":%d`, now.Unix()+29))),
		"just ended":  forge(t, head, strings.NewReplacer(fmt.Sprintf(`"exp":%d`, now.Add(DefaultLifetime).Unix()), fmt.Sprintf(`"exp":%d`, now.Unix()-29), fmt.Sprintf(`"iat":%d`, now.Unix()), fmt.Sprintf(`"iat":%d`, now.Unix()-900)).Replace(body)),
		"a whole day": forge(t, head, claims(fmt.Sprintf(`"exp":%d`, now.Add(DefaultLifetime).Unix()), fmt.Sprintf(`"exp":%d`, now.Add(DefaultMaxLife).Unix()))),
	} {
		if c, err := ed.Check(raw); err != nil || c.Subject != "u1" || c.UserID != "u1" {
			t.Errorf("%s: %+v, %v (%s)", name, c, err, Reason(err))
		}
	}
	if _, err := hs.Check(mac([]byte(secret), `{"alg":"HS256"}`, body)); err != nil {
		t.Errorf("HS256: %v", err)
	}
}

// What is missing on our side is not the caller's fault.
func TestCheck_WithoutAKeyIsUnavailable(t *testing.T) {
	v := &Verifier{Issuer: "auth", Audience: "api", Keys: func() ([]Key, error) { return nil, errors.New("not mounted") }}
	if _, err := v.Check("x"); fault.Of(err).Kind != fault.Unavailable {
		t.Errorf("%v", err)
	}
	k, _ := FromSeed(seed)
	_, _, _, head, body := parties(t)
	empty := &Verifier{Keys: func() ([]Key, error) { return []Key{k}, nil }, Now: func() time.Time { return now }}
	if _, err := empty.Check(forge(t, head, body)); err == nil {
		t.Error("a verifier that names no issuer accepts any")
	}
}

func FuzzCheck(f *testing.F) {
	ed, _, _, head, body := parties(f)
	good := forge(f, head, body)
	f.Add(good)
	f.Add("a.b.c")
	f.Fuzz(func(t *testing.T, raw string) {
		if _, err := ed.Check(raw); err == nil && raw != good {
			t.Errorf("accepted %q", raw)
		}
	})
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func flip(s string) string {
	if s[5] == 'A' {
		return s[:5] + "B" + s[6:]
	}
	return s[:5] + "A" + s[6:]
}

// trailing spells the last character of 64 bytes, of which four bits are
// unused, in another way.
func trailing(s string) string {
	const abc = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	return s[:len(s)-1] + string(abc[strings.IndexByte(abc, s[len(s)-1])|1])
}

func swapHead(raw, head string) string { return seg(head) + raw[strings.IndexByte(raw, '.'):] }
