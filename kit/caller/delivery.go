package caller

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
)

// HeaderDelivery proves to the gateway that the queue makes a call, whether or not
// the call is signed: what its answer asks of the store is then done together with
// the message's end. The gateway passes it to no function.
const HeaderDelivery = "X-Fnstore-Delivery"

// MarkDelivery sets HeaderDelivery for the call id that h has. Of a key with
// several lines the first is used.
func MarkDelivery(h http.Header, key string) {
	if all := Keys(key); len(all) > 0 {
		h.Set(HeaderDelivery, hex.EncodeToString(deliveryMAC(all[0], h.Get(callID))))
	}
}

// IsDelivery reports whether one of the keys made h's HeaderDelivery for its call id.
func IsDelivery(h http.Header, keys []string) bool {
	got, err := hex.DecodeString(h.Get(HeaderDelivery))
	if err != nil || len(h[HeaderDelivery]) != 1 {
		return false
	}
	for _, key := range keys {
		if len(key) >= minKey && hmac.Equal(got, deliveryMAC(key, h.Get(callID))) {
			return true
		}
	}
	return false
}

// deliveryMAC covers words that no signature covers: those begin with a time.
func deliveryMAC(key, id string) []byte {
	m := hmac.New(sha256.New, []byte(key))
	m.Write([]byte("delivery\n" + id))
	return m.Sum(nil)
}
