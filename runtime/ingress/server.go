package ingress

import (
	"crypto/tls"
	"log"
	"net"
	"net/http"
	"time"
)

// Bounds of HTTP/2. The rest is net/http's: a client that opens streams and resets
// them at once (CVE-2023-44487) has at most maxStreams handlers running and four
// times as many waiting, then the connection ends; header blocks end with
// MaxHeaderBytes, and control frames have a queue with an end. A connection whose
// client takes nothing is its listener's to end (gateway.CutStalled): net/http's
// WriteByteTimeout would end one that reads slowly, too, since a write over TLS
// that has timed out cannot go on.
const (
	maxStreams = 100              // calls at once on one connection
	pingAfter  = 15 * time.Second // of silence, a client is asked whether it is there
)

// Server serves requests of the port. It is srv with TLS and HTTP/2, whose Handler
// learns who the client is.
type Server struct {
	*http.Server
	encrypted bool
}

// Server makes srv, which has the timeouts and the bound of headers, serve the
// port. Nobody may use srv after that.
func (in *Ingress) Server(srv *http.Server) *Server {
	srv.Handler = in.withClients(srv.Handler)
	if in.certificate != nil {
		if srv.ErrorLog == nil {
			srv.ErrorLog = log.Default()
		}
		srv.ErrorLog = log.New(&quiet{to: srv.ErrorLog, now: time.Now}, "", 0)
		srv.Handler = in.withStreams(srv.Handler, MaxStreamsPerAddress, DefaultStreamStall)
		srv.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: in.certificate.get}
		srv.HTTP2 = &http.HTTP2Config{
			MaxConcurrentStreams: maxStreams,
			SendPingTimeout:      pingAfter,
		}
	}
	return &Server{srv, in.certificate != nil}
}

// Serve accepts connections of l, which Listen gave, until Shutdown or Close.
func (s *Server) Serve(l net.Listener) error {
	if s.encrypted {
		return s.ServeTLS(l, "", "")
	}
	return s.Server.Serve(l)
}
