package objects

import (
	"encoding/xml"
	"io"
	"net/http"

	"fnstore/runtime/objects/payload"
)

// call is the state of one request, for the code behind the front.
type call struct {
	key    *Key
	front  http.Handler
	op     *operation
	head   Verb // what the front needs the object's head for
	when   condition
	body   *payload.Body
	header http.Header // of the response
	status int         // of the last error that was given to the front; 0 none
}

const requestID = "X-Amz-Request-Id"

// id names the request, in the answer and in the log. The front gives each
// request a number, which its errors carry; one that it never saw gets ours.
func (c *call) id() string {
	if c.header == nil {
		return ""
	}
	if c.header.Get(requestID) == "" {
		c.header.Set(requestID, newBlobID().String())
	}
	return c.header.Get(requestID)
}

// answer is the response to a request. The front knows the statuses of some of
// S3's errors and answers 500 for the others: the right one is put in its
// place. CORS headers are not ours to give away, so they go.
type answer struct {
	http.ResponseWriter
	call    *call
	started bool
}

func (a *answer) WriteHeader(status int) {
	if a.started {
		return
	}
	a.started = true
	if status == http.StatusInternalServerError && a.call.status != 0 {
		status = a.call.status
	}
	h := a.Header()
	for _, name := range []string{"Access-Control-Allow-Origin", "Access-Control-Allow-Methods", "Access-Control-Allow-Headers", "Access-Control-Expose-Headers"} {
		h.Del(name)
	}
	h.Set("Server", "fnstore")
	a.call.id()
	h.Del("X-Amz-Id-2")
	h.Set("X-Content-Type-Options", "nosniff")
	if status == http.StatusServiceUnavailable {
		h.Set("Retry-After", "1")
	}
	a.ResponseWriter.WriteHeader(status)
}

func (a *answer) Write(p []byte) (int, error) {
	if !a.started {
		if a.Header().Get("Content-Type") == "" {
			a.Header().Set("Content-Type", "application/xml") // the front writes before it says so
		}
		a.WriteHeader(http.StatusOK)
	}
	return a.ResponseWriter.Write(p)
}

// ReadFrom lets the bytes of a file go to the socket inside the kernel.
func (a *answer) ReadFrom(r io.Reader) (int64, error) {
	if !a.started {
		a.WriteHeader(http.StatusOK)
	}
	return io.Copy(a.ResponseWriter, r)
}

func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// fail answers with an error in S3's form.
func (a *answer) fail(r *http.Request, e *apiError) {
	if a.started {
		return
	}
	a.Header().Del("Content-Length")
	a.call.status = 0
	if r.Method == http.MethodHead {
		a.WriteHeader(e.Status)
		return
	}
	a.Header().Set("Content-Type", "application/xml")
	a.WriteHeader(e.Status)
	_ = writeXML(a, struct { // the client may be gone
		XMLName   xml.Name `xml:"Error"`
		Code      string
		Message   string
		RequestID string `xml:"RequestId"`
	}{Code: e.Code, Message: e.Message, RequestID: a.call.id()})
}

func writeXML(w io.Writer, v any) error {
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	return xml.NewEncoder(w).Encode(v)
}
