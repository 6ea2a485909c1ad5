package callback

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strconv"
	"time"
)

// Header carries the signature of a callback: "t=<unix seconds>,v1=<hex>", the
// HMAC-SHA256 of the time, a dot and the body, in the way that Stripe signs its
// webhooks, so that their receivers can be used.
const Header = "X-Fnstore-Callback-Signature"

// Secret is the name of the key: the secret as it is read, without white space
// around it. It is made at the first start.
const Secret = "callback-key"

func sign(h http.Header, key string, body []byte, now time.Time) {
	t := strconv.FormatInt(now.Unix(), 10)
	m := hmac.New(sha256.New, []byte(key))
	m.Write([]byte(t + "."))
	m.Write(body)
	h.Set(Header, "t="+t+",v1="+hex.EncodeToString(m.Sum(nil)))
}
