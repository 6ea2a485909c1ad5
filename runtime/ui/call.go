package ui

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"fnstore/kit/caller"
	"fnstore/kit/fault"
	"fnstore/kit/wire"
)

// Bounds of a call made from the page, in bytes.
const (
	maxCallBytes   = 8 << 20  // of the body: it is held, since the signature covers it
	maxAnswerBytes = 1 << 20  // of the answer; more is cut off, which the page says
	maxHeaders     = 32 << 10 // of the answer's header
)

// Answer is the header that tells what the function answered: its status and
// its header, as JSON and percent-encoded, since values may be in any encoding.
// The body follows as bytes that no browser would run, whatever they are.
const Answer = "X-Fnstore-Answer"

// answer is the value of that header.
type answer struct {
	Status  int        `json:"status"`
	Headers [][]string `json:"headers"` // pairs, by name
	Limit   int        `json:"limit"`   // a body of this length was cut
}

// methods are those that fnstore invoke takes, too.
var methods = []string{"POST", "GET", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"}

// call sends the request's body to a function and streams back what it says.
func (p *pages) call(w http.ResponseWriter, r *http.Request) error {
	name := r.PathValue("function")
	if !functionName.MatchString(name) {
		return fault.New(fault.NotFound, "function_not_found", "there is no function %q", name)
	}
	method := strings.ToUpper(r.URL.Query().Get("method"))
	if method == "" {
		method = http.MethodPost
	}
	if !slices.Contains(methods, method) {
		return fault.New(fault.Invalid, "bad_method", "the method is one of %s", strings.Join(methods, ", "))
	}
	path, query, err := target(r.URL.Query().Get("path"))
	if err != nil {
		return err
	}
	body, err := wire.Body(w, r, maxCallBytes)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(r.Context(), method, p.Gateway+"/function/"+name+path, bytes.NewReader(body))
	if err != nil {
		return fault.New(fault.Invalid, "bad_path", "the path cannot be called: it is no path of a URL").Because(err)
	}
	req.URL.RawQuery = query
	req.Header.Set(wire.CallID, callID(r))
	req.Header.Set("User-Agent", "fnstore-ui/"+p.Version)
	if ct := r.Header.Get("Content-Type"); ct != "" && len(body) > 0 {
		req.Header.Set("Content-Type", ct)
	}
	if p.Sign != nil {
		if err := p.Sign(req.Header, method, caller.Target(req.URL), body); err != nil {
			return fault.New(fault.Unavailable, "not_signed", "the call could not be signed").Because(err)
		}
	}
	res, err := p.client.Do(req)
	if err != nil {
		return fault.New(fault.BadGateway, "gateway_unreachable", "the gateway does not answer; .fnstore/fnstore.log says why").Because(withoutURL(err))
	}
	defer res.Body.Close()
	return relay(w, res)
}

// relay passes the answer on as it comes, so that a function that talks slowly
// is seen to talk.
func relay(w http.ResponseWriter, res *http.Response) error {
	a := answer{Status: res.StatusCode, Limit: maxAnswerBytes, Headers: [][]string{}}
	for name, values := range res.Header {
		for _, v := range values {
			a.Headers = append(a.Headers, []string{name, v})
		}
	}
	slices.SortFunc(a.Headers, func(x, y []string) int { return slices.Compare(x, y) })
	told, err := json.Marshal(a)
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set(Answer, url.PathEscape(string(told)))
	h.Set("Content-Type", "application/octet-stream")
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox")
	w.WriteHeader(http.StatusOK)
	if err := flow(w, io.LimitReader(res.Body, maxAnswerBytes)); err != nil {
		panic(http.ErrAbortHandler) // half an answer must not look like a whole one
	}
	return nil
}

// flow copies and lets no byte wait for the next.
func flow(w http.ResponseWriter, from io.Reader) error {
	out := http.NewResponseController(w)
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		if n > 0 {
			if _, err := w.Write(buf[:n]); err != nil {
				return err
			}
			if err := out.Flush(); err != nil && !errors.Is(err, http.ErrNotSupported) {
				return err
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// withoutURL takes the URL, which has what the user typed, out of a client's error.
func withoutURL(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}
