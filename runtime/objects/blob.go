package objects

import (
	"context"
	"crypto/md5"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// blobID names a file. It is random: nothing a client sends decides a path.
type blobID [16]byte

func newBlobID() (id blobID) {
	_, _ = rand.Read(id[:]) // never fails (crypto/rand)
	return id
}

func (id blobID) String() string { return hex.EncodeToString(id[:]) }

// blob is a file that was written and is in no row yet.
type blob struct {
	id   blobID
	size int64
	md5  []byte
}

func (s *Store) path(id blobID) string {
	name := id.String()
	return filepath.Join(s.Dir, "blobs", name[:2], name)
}

func (s *Store) mkdirs() error {
	root := filepath.Join(s.Dir, "blobs")
	for i := range 256 {
		if err := os.MkdirAll(filepath.Join(root, hex.EncodeToString([]byte{byte(i)})), 0o700); err != nil {
			return err
		}
	}
	return errors.Join(syncDir(root), syncDir(s.Dir))
}

// md5Reader is a reader that keeps the MD5 of what it gave, as the front's does.
type md5Reader interface{ Sum([]byte) []byte }

// write stores a body as a new blob and makes it durable. The blob is pending
// until the caller settles it; size is what the client declared, -1 unknown.
//
// The file has its last name from the start: until a row has that name too it
// means nothing, whole or not, so a rename would add nothing but a second
// commit of the filesystem's journal and one folder where all inodes are made.
func (s *Store) write(ctx context.Context, body io.Reader, size int64) (b blob, err error) {
	if err := s.checkFreeSpace(max(size, 0)); err != nil {
		return b, err
	}
	b.id = newBlobID()
	s.pending.Store(b.id, true)
	f, err := os.OpenFile(s.path(b.id), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		s.pending.Delete(b.id)
		return b, fmt.Errorf("write blob: %w", err)
	}
	defer func() {
		f.Close()
		if err != nil {
			s.discard(b)
			if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
				err = ErrFull
			}
		}
	}()
	sum, hashed := body.(md5Reader)
	var own hash.Hash
	out := io.Writer(f)
	if !hashed {
		own = md5.New()
		sum, out = own, io.MultiWriter(f, own)
	}
	if b.size, err = io.Copy(out, &limitedReader{ctx, body, s.MaxObject}); err != nil {
		return b, err
	}
	b.md5 = sum.Sum(nil)
	s.at("written")
	if err = f.Sync(); err == nil {
		err = syncDir(filepath.Dir(s.path(b.id)))
	}
	if err != nil {
		return b, fmt.Errorf("sync blob: %w", err)
	}
	s.at("durable")
	return b, nil
}

// link gives the bytes of a blob a second name: blobs never change, so a copy
// needs no bytes of its own.
func (s *Store) link(from object) (blob, error) {
	b := blob{newBlobID(), from.Size, from.md5}
	s.pending.Store(b.id, true)
	err := os.Link(s.path(from.blob), s.path(b.id))
	if err == nil { // both names get the new time: the sweep goes by it
		err = os.Chtimes(s.path(b.id), time.Time{}, time.Now())
	}
	if err == nil {
		err = syncDir(filepath.Dir(s.path(b.id)))
	}
	if err != nil {
		s.discard(b)
		return b, fmt.Errorf("link blob: %w", err)
	}
	return b, nil
}

// discard removes a blob that no row will name.
func (s *Store) discard(b blob) {
	s.remove(b.id)
	s.pending.Delete(b.id)
}

// remove deletes a blob's file. What cannot be removed now, Sweep removes.
func (s *Store) remove(id blobID) {
	if err := os.Remove(s.path(id)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		s.Log.Warn("a blob is left to the sweep", "blob", id.String(), "cause", err)
	}
}

// checkFreeSpace checks that size more bytes leave MinFree on the disk.
func (s *Store) checkFreeSpace(size int64) error {
	var st syscall.Statfs_t
	if err := syscall.Statfs(s.Dir, &st); err != nil {
		return fmt.Errorf("free disk: %w", err)
	}
	if free := int64(st.Bavail) * st.Bsize; free-size < s.MinFree {
		return ErrFull
	}
	return nil
}

// limitedReader stops a body that is longer than an object may be, or whose client
// has gone.
type limitedReader struct {
	ctx  context.Context
	r    io.Reader
	left int64
}

func (l *limitedReader) Read(p []byte) (int, error) {
	if err := l.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := l.r.Read(p)
	if l.left -= int64(n); l.left < 0 {
		return 0, refuse(400, "EntityTooLarge", "the upload exceeds the maximum size of an object")
	}
	return n, err
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
