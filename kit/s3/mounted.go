package s3

import (
	"sync"

	"fnstore/kit/fault"
)

// Mounted is the store that a mounted secret names, with its key. It is safe for
// any number of goroutines.
type Mounted struct {
	read func() (string, error)

	mu     sync.Mutex
	url    string
	client *Client
}

// Mount gives the store whose URL (see Open) read returns. It reads nothing yet.
func Mount(read func() (string, error)) *Mounted { return &Mounted{read: read} }

// Client reads the secret, so that a rotated key needs no restart, and gives the
// same client for as long as the secret stays the same. The error is a
// fault.Unavailable: no_s3_key, or bad_s3_key for a text that is not such a URL.
func (m *Mounted) Client() (*Client, error) {
	url, err := m.read()
	if err != nil {
		return nil, fault.New(fault.Unavailable, "no_s3_key", "the key of the object store is not mounted").Because(err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.client == nil || url != m.url {
		client, err := Open(url)
		if err != nil {
			return nil, fault.New(fault.Unavailable, "bad_s3_key", "the key of the object store cannot be read").Because(err)
		}
		m.url, m.client = url, client
	}
	return m.client, nil
}
