package objects

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// level is what an operation works on.
type level string

const (
	onService level = "service"
	onBucket  level = "bucket"
	onObject  level = "object"
)

func (a address) level() level {
	switch {
	case a.bucket == "":
		return onService
	case a.key == "":
		return onBucket
	}
	return onObject
}

// operation is one operation of the Amazon S3 API Reference, and how a request
// for it looks. Parameters and x-amz-* headers that the row does not name are
// refused: in S3 they may ask for anything.
type operation struct {
	name    string
	method  string
	on      level
	query   string // the parameters that select it, with spaces between them
	header  string // the header that selects it, as sent; "" none
	params  string // further parameters
	headers string // x-amz-* headers beside those of every request; a last * stands for any end
	serve   server // nil: answered with 501
	limit   string // what is less than in S3; "" nothing
}

// server answers a request that passed the guard. An error it returns becomes
// the answer.
type server func(s *Store, w http.ResponseWriter, r *http.Request, a address) error

// Parameters and headers that any request may have: who signs and how, and
// checksums of the body, which package payload checks.
const (
	anyParams  = "x-id X-Amz-Algorithm X-Amz-Credential X-Amz-Date X-Amz-Expires X-Amz-SignedHeaders X-Amz-Signature X-Amz-Security-Token"
	anyHeaders = "x-amz-date x-amz-content-sha256 x-amz-security-token x-amz-user-agent x-amz-request-payer x-amz-decoded-content-length " +
		"x-amz-trailer x-amz-checksum-* x-amz-sdk-checksum-algorithm x-amz-optional-object-attributes"
)

// onlyValues are headers of which some values ask for what is so anyway. Other
// values are refused.
var onlyValues = map[string][]string{
	"X-Amz-Acl":           {"private", "bucket-owner-read", "bucket-owner-full-control"},
	"X-Amz-Storage-Class": {"STANDARD"},
}

// decide finds the operation that a request asks for. The error names it when
// it is not served, or not with what the request adds to it.
func decide(r *http.Request, on level) (*operation, error) {
	q := r.URL.Query()
	var op *operation
	most := -1
	for i := range operations {
		o := &operations[i]
		if n := o.marks(r, q, on); n > most {
			op, most = o, n
		}
	}
	if op == nil {
		return nil, notServed("%s on the %s", r.Method, on)
	}
	if op.serve == nil {
		return nil, notServed("%s", op.name)
	}
	for name, values := range q {
		if len(values) > 1 {
			return nil, refuse(http.StatusBadRequest, "InvalidRequest", "the parameter %.40q is there twice", name)
		}
		if !listed(name, op.query, op.params, anyParams) {
			return nil, notServed("%s with the parameter %.40q", op.name, name)
		}
	}
	for name, values := range r.Header {
		if !strings.HasPrefix(name, "X-Amz-") || strings.EqualFold(name, op.header) {
			continue
		}
		if !listed(strings.ToLower(name), op.headers, anyHeaders) {
			return nil, notServed("%s with the header %.60q", op.name, strings.ToLower(name))
		}
		if len(values) > 1 && !listed(name, "X-Amz-Trailer X-Amz-Object-Attributes") {
			return nil, refuse(http.StatusBadRequest, "InvalidRequest", "the header %.60q is there twice", strings.ToLower(name))
		}
		if only, ok := onlyValues[name]; ok && !slices.Contains(only, values[0]) {
			return nil, notServed("%s with %s: %.40q", op.name, strings.ToLower(name), values[0])
		}
	}
	return op, nil
}

// marks counts what in a request selects the operation, -1 when something
// lacks.
func (o *operation) marks(r *http.Request, q url.Values, on level) (n int) {
	if o.method != r.Method || o.on != on {
		return -1
	}
	for name := range strings.FieldsSeq(o.query) {
		if !q.Has(name) {
			return -1
		}
		n++
	}
	if o.header != "" {
		if _, ok := r.Header[http.CanonicalHeaderKey(o.header)]; !ok {
			return -1
		}
		n++
	}
	return n
}

// listed looks for a name in lists with spaces between their items.
func listed(name string, lists ...string) bool {
	for _, list := range lists {
		for item := range strings.FieldsSeq(list) {
			start, open := strings.CutSuffix(item, "*")
			if item == name || open && strings.HasPrefix(name, start) {
				return true
			}
		}
	}
	return false
}

func notServed(format string, args ...any) *apiError {
	e := refuse(http.StatusNotImplemented, "NotImplemented", format, args...)
	e.Message += " is not implemented; docs/s3.md lists what is"
	return e
}
