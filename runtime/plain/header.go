package plain

import (
	"bufio"
	"net/http"
	"strings"

	"fnstore/runtime/express"
)

// writeHeader writes the fields but those of the framing, which are this
// package's matter and not the handler's. As in net/http a name that is none is
// left out and a line break in a value becomes a space; unlike there the order
// is any.
func writeHeader(out *bufio.Writer, h http.Header) {
	for name, values := range h {
		if name == "Connection" || name == "Transfer-Encoding" || !express.IsToken(name) {
			continue
		}
		for _, v := range values {
			if strings.ContainsAny(v, "\r\n") {
				v = breaks.Replace(v)
			}
			_, _ = out.WriteString(name) // its error is Flush's too
			_, _ = out.WriteString(": ")
			_, _ = out.WriteString(strings.TrimSpace(v))
			_, _ = out.WriteString("\r\n")
		}
	}
}

var breaks = strings.NewReplacer("\r", " ", "\n", " ")
