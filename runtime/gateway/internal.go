package gateway

import (
	"bytes"
	"io"
	"net/http"
	"time"

	"fnstore/kit/caller"
	"fnstore/kit/fault"
	"fnstore/kit/queue"
	"fnstore/kit/wire"
)

// annotationInternal says "true" of a function that takes calls of the event
// plane and the operator alone.
const annotationInternal = "fnstore.internal"

func internal(annotations *map[string]string) bool {
	return annotations != nil && (*annotations)[annotationInternal] == "true"
}

func onlyInternal(name string) error {
	return fault.New(fault.Forbidden, "internal_function", "%s takes calls of the store itself only; fnstore invoke signs one", name)
}

// admit lets a call of an internal function pass when its signature holds. The
// body is read for that, at most what a message may carry; a call without the
// header costs no more than looking for it. Call release when the call is over.
func (g *Gateway) admit(w http.ResponseWriter, r *http.Request, name, path string) (release func(), err error) {
	if len(r.Header[caller.Header]) != 1 {
		return nil, onlyInternal(name)
	}
	held, err := g.holdBody(r.ContentLength)
	if err != nil {
		return nil, err
	}
	defer func() {
		if release == nil {
			held()
		}
	}()
	body, err := wire.Body(w, r, queue.MaxBody)
	if err != nil {
		return nil, slow(err)
	}
	if r.URL.RawQuery != "" || r.URL.ForceQuery {
		path += "?" + r.URL.RawQuery
	}
	if err := caller.Check(r.Header, g.eventKeys(), r.Method, path, body, time.Now()); err != nil {
		return nil, fault.Of(onlyInternal(name)).Because(err)
	}
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	return held, nil
}

// eventKeys are the keys that prove who calls.
func (g *Gateway) eventKeys() (keys []string) {
	for _, secret := range []string{caller.Secret, caller.Previous} {
		if key, err := g.cfg.Secrets.Read(secret); err == nil {
			keys = append(keys, caller.Keys(string(key))...)
		}
	}
	return keys
}
