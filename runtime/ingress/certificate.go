package ingress

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// DefaultReload is how long a certificate is used before its files are looked at
// again. They are looked at when a client connects, so an idle port does nothing.
const DefaultReload = time.Second

// certificate is the one that two files hold. It follows the files: what they say
// is used from the next handshake on. Files that are no good change nothing.
type certificate struct {
	certFile, keyFile string
	reload            time.Duration
	current           atomic.Pointer[tls.Certificate]

	mu     sync.Mutex // held by the one handshake that looks
	looked time.Time
	seen   [sha256.Size]byte // of the contents that were read last
	failed string            // why they are not used; "" when they are
}

func readCertificate(certFile, keyFile string) (*certificate, error) {
	// The files must be found wherever the reader of .fnstore/env is.
	certFile, err := filepath.Abs(certFile)
	if err != nil {
		return nil, err
	}
	c := &certificate{certFile: certFile, keyFile: keyFile, reload: DefaultReload, looked: time.Now()}
	pair, sum, err := c.read()
	if err != nil {
		return nil, err
	}
	c.seen = sum
	c.current.Store(pair)
	if err := outdated(pair); err != nil {
		slog.Warn("clients will refuse the certificate", "file", certFile, "cause", err)
	}
	return c, nil
}

// read reads both files. The sum is of their contents; the pair is nil when that
// is what was read last.
func (c *certificate) read() (*tls.Certificate, [sha256.Size]byte, error) {
	cert, err := os.ReadFile(c.certFile)
	if err != nil {
		return nil, [sha256.Size]byte{}, fmt.Errorf("read the certificate: %w", err)
	}
	key, err := os.ReadFile(c.keyFile)
	if err != nil {
		return nil, [sha256.Size]byte{}, fmt.Errorf("read the certificate's key: %w", err)
	}
	sum := sha256.Sum256(bytes.Join([][]byte{cert, key}, []byte{0}))
	if sum == c.seen {
		return nil, sum, nil
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return nil, sum, fmt.Errorf("certificate %s with key %s: %w", c.certFile, c.keyFile, err)
	}
	return &pair, sum, nil
}

func outdated(pair *tls.Certificate) error {
	if end := pair.Leaf.NotAfter; time.Now().After(end) {
		return fmt.Errorf("it expired on %s", end.UTC().Format(time.RFC3339))
	}
	return nil
}

// get is tls.Config.GetCertificate. One handshake at a time looks at the files;
// the others do not wait for it.
func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	if c.mu.TryLock() {
		if now := time.Now(); now.Sub(c.looked) >= c.reload {
			c.looked = now
			c.look()
		}
		c.mu.Unlock()
	}
	return c.current.Load(), nil
}

// look takes what the files hold now, or logs once why not.
func (c *certificate) look() {
	pair, sum, err := c.read()
	if err == nil && sum == c.seen {
		return
	}
	c.seen = sum
	if err == nil {
		err = outdated(pair)
	}
	if err != nil {
		if err.Error() != c.failed {
			slog.Error("the new certificate is not used; the old one stays", "file", c.certFile, "cause", err)
		}
		c.failed = err.Error()
		return
	}
	c.failed = ""
	c.current.Store(pair)
	slog.Info("the certificate was replaced", "file", c.certFile, "names", pair.Leaf.DNSNames, "until", pair.Leaf.NotAfter)
}

// name is what clients on this machine call the port: address, if the certificate
// is for it, else the first name that it is for.
func (c *certificate) name(address string) string {
	leaf := c.current.Load().Leaf
	for _, n := range append([]string{address, "localhost"}, leaf.DNSNames...) {
		if !strings.Contains(n, "*") && leaf.VerifyHostname(n) == nil {
			return n
		}
	}
	if len(leaf.IPAddresses) > 0 {
		return leaf.IPAddresses[0].String()
	}
	return address
}

// trusted reports that programs here trust the certificate without being told
// to. SSL_CERT_FILE, when it names the certificate, is .fnstore/env telling them.
func (c *certificate) trusted() bool {
	if os.Getenv("SSL_CERT_FILE") == c.certFile {
		return false
	}
	pair := c.current.Load()
	others := x509.NewCertPool()
	for _, der := range pair.Certificate[1:] {
		if cert, err := x509.ParseCertificate(der); err == nil {
			others.AddCert(cert)
		}
	}
	_, err := pair.Leaf.Verify(x509.VerifyOptions{Intermediates: others})
	return err == nil
}
