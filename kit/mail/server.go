package mail

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/smtp"
	"net/textproto"
	"net/url"
	"time"

	"fnstore/kit/fault"
)

const connectTimeout = 10 * time.Second

// DefaultTimeout bounds one message, from dialling to the server's last word.
const DefaultTimeout = 20 * time.Second

// Server is an SMTP server that takes messages for delivery (RFC 6409).
type Server struct {
	From string // the sender of all messages

	host, address  string
	user, password string
	implicit       bool // TLS from the first byte on (RFC 8314)
	plain          bool // no TLS at all
	roots          *x509.CertPool
}

// errServer never holds the URL: it has a password in it.
var errServer = errors.New("not an SMTP URL of the form smtp(s)://[USER:PASSWORD@]HOST[:PORT]?from=ADDRESS[&tls=none]")

// Parse reads a server's URL: smtp:// begins in plain and must go on with
// STARTTLS, smtps:// is TLS from the start, and tls=none is for a server on this
// machine. ca, unless empty, is PEM of the only certificates that are trusted.
func Parse(secretURL, ca string) (*Server, error) {
	u, err := url.Parse(secretURL)
	if err != nil || u.Scheme != "smtp" && u.Scheme != "smtps" || u.Hostname() == "" || u.Path != "" && u.Path != "/" || u.Fragment != "" {
		return nil, errServer
	}
	q := u.Query()
	s := &Server{host: u.Hostname(), implicit: u.Scheme == "smtps", user: u.User.Username()}
	s.password, _ = u.User.Password()
	switch q.Get("tls") {
	case "":
	case "none":
		if s.implicit {
			return nil, errServer
		}
		s.plain = true
	default:
		return nil, errServer
	}
	if s.From, err = Address(q.Get("from")); err != nil {
		return nil, errServer
	}
	port := u.Port()
	if port == "" {
		port = map[bool]string{false: "587", true: "465"}[s.implicit]
	}
	s.address = net.JoinHostPort(s.host, port)
	if ca != "" {
		s.roots = x509.NewCertPool()
		if !s.roots.AppendCertsFromPEM([]byte(ca)) {
			return nil, errors.New("the CA of the SMTP server has no PEM certificate")
		}
	}
	return s, nil
}

// Send hands a message to the server. It returns fault.Unprocessable
// (mail_refused) when the server will never take it, and fault.Unavailable
// (mail_unavailable) when it may later.
func (s *Server) Send(ctx context.Context, m Message) error {
	body, err := m.Bytes()
	if err != nil {
		return fault.New(fault.Unprocessable, "mail_refused", "the message cannot be written: %v", err)
	}
	ctx, cancel := context.WithTimeout(ctx, DefaultTimeout)
	defer cancel()
	c, err := s.connect(ctx)
	if err != nil {
		return unavailable(err)
	}
	defer func() { _ = c.Close() }()
	if err := c.Mail(m.From); err != nil {
		return unavailable(err)
	}
	if err := c.Rcpt(m.To); err != nil {
		return refused(err)
	}
	w, err := c.Data()
	if err != nil {
		return refused(err)
	}
	if _, err := w.Write(body); err != nil {
		return unavailable(err)
	}
	if err := w.Close(); err != nil { // the server's word on the whole message
		return refused(err)
	}
	_ = c.Quit() // it has the message; whether it heard that changes nothing
	return nil
}

func (s *Server) connect(ctx context.Context) (*smtp.Client, error) {
	d := net.Dialer{Timeout: connectTimeout}
	conn, err := d.DialContext(ctx, "tcp", s.address)
	if err != nil {
		return nil, err
	}
	if until, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(until); err != nil {
			_ = conn.Close()
			return nil, err
		}
	}
	settings := &tls.Config{ServerName: s.host, RootCAs: s.roots, MinVersion: tls.VersionTLS12}
	if s.implicit {
		conn = tls.Client(conn, settings)
	}
	c, err := smtp.NewClient(conn, s.host)
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	if !s.implicit && !s.plain {
		err = c.StartTLS(settings) // an error too where the server does not offer it
	}
	if err == nil && s.user != "" {
		err = c.Auth(smtp.PlainAuth("", s.user, s.password, s.host)) // refuses to send a password in plain beyond this machine
	}
	if err != nil {
		_ = c.Close()
		return nil, err
	}
	return c, nil
}

// refused tells a permanent answer about this message from all that may pass
// (RFC 5321 section 4.2.1).
func refused(err error) error {
	var answer *textproto.Error
	if errors.As(err, &answer) && answer.Code >= 500 {
		return fault.New(fault.Unprocessable, "mail_refused", "the mail server refuses the message: %d", answer.Code).Because(err)
	}
	return unavailable(err)
}

func unavailable(err error) error {
	return fault.New(fault.Unavailable, "mail_unavailable", "the mail server does not take the message now").Because(err)
}
