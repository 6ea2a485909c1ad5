package image

import (
	"errors"
	"fmt"
	"net/http"
	"os"

	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"fnstore/kit/fault"
)

// invalidImage marks what an image itself is to blame for.
type invalidImage struct{ error }

func (u invalidImage) Unwrap() error { return u.error }

// refusal is an error with a fault, whose sentence is all of the text: who
// deploys an image is the one who can mend it, and reads why.
type refusal struct {
	fault *fault.Error
	cause error
}

func (r refusal) Error() string   { return r.fault.Detail }
func (r refusal) Unwrap() []error { return []error{r.fault, r.cause} }

// clientError gives an error of Unpack the kind and the code that a client reads. An
// error of this machine's own, such as a full disk, stays as it is.
func clientError(ref string, err error) error {
	var (
		answer *transport.Error
		path   *os.PathError
		image  invalidImage
	)
	kind, code, detail := fault.BadGateway, "registry_unreachable", err.Error()
	switch {
	case errors.Is(err, ErrNeedsDocker):
		kind, code = fault.Unprocessable, "image_needs_docker"
	case errors.As(err, &answer) && answer.StatusCode == http.StatusNotFound:
		kind, code = fault.Unprocessable, "image_missing"
		detail = "it is not on this machine and its registry does not have it; build it or push it again"
	case errors.As(err, &answer):
		code = "registry_refused"
	case errors.As(err, &path):
		return fmt.Errorf("unpack %s: %w", ref, err)
	case errors.As(err, &image):
		kind, code = fault.Unprocessable, "image_unfit"
	}
	return refusal{fault.New(kind, code, "image %s: %s", ref, detail), err}
}
