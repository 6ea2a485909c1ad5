// Package logs keeps what functions write: one file of JSON lines per function,
// turned over at a bound, with the newest lines handed to whoever follows. It
// does not read the lines.
package logs

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/openfaas/faas-provider/logs"
)

// Bounds of what is kept.
const (
	MaxLine = 64 << 10 // bytes of one line; a longer one is cut there, and says so
	MaxFile = 8 << 20  // bytes of a function's file; one older file is kept beside it
)

// followerLines is how many lines a slow reader may lag behind before it loses some.
const followerLines = 1024

// Store is a folder of log files. Its methods are safe for concurrent use.
type Store struct {
	dir string

	mu    sync.Mutex
	files map[string]*file
}

type file struct {
	mu        sync.Mutex
	path      string
	f         *os.File
	size      int64
	followers map[chan logs.Message]struct{}
	removed   bool // another of the name has its place, or none
}

// Open makes the folder if it is missing.
func Open(dir string) (*Store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("open logs: %w", err)
	}
	return &Store{dir: dir, files: map[string]*file{}}, nil
}

func (s *Store) file(name string) *file {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.files[name]
	if f == nil {
		f = &file{path: filepath.Join(s.dir, name+".ndjson"), followers: map[chan logs.Message]struct{}{}}
		s.files[name] = f
	}
	return f
}

// Copy reads lines from r until it ends and appends each to name's log as
// coming from instance. Bytes that are not UTF-8 are replaced; a line that is
// too long is cut and marked there, so that nothing a function writes can stop its log. Lines that
// came together are written together.
func (s *Store) Copy(name, namespace, instance string, r io.Reader) {
	f := s.file(name)
	br := bufio.NewReaderSize(r, MaxLine)
	var batch []logs.Message
	for {
		line, err := br.ReadSlice('\n')
		text := strings.ToValidUTF8(string(bytes.TrimRight(line, "\r\n")), "\uFFFD")
		some := len(line) > 0
		if rest := 0; err == bufio.ErrBufferFull {
			for err == bufio.ErrBufferFull {
				line, err = br.ReadSlice('\n')
				rest += len(line)
			}
			if rest -= len(line) - len(bytes.TrimRight(line, "\r\n")); rest > 0 {
				text += fmt.Sprintf(" [cut: %d more bytes]", rest)
			}
		}
		if some {
			batch = append(batch, logs.Message{Name: name, Namespace: namespace, Instance: instance, Timestamp: time.Now().UTC(), Text: text})
		}
		if ahead, _ := br.Peek(br.Buffered()); err != nil || bytes.IndexByte(ahead, '\n') < 0 {
			f.append(batch)
			clear(batch)
			batch = batch[:0]
		}
		if err != nil {
			return
		}
	}
}

// WriteLine appends a line of the runtime's own.
func (s *Store) WriteLine(name, namespace, instance, text string) {
	s.file(name).append([]logs.Message{{Name: name, Namespace: namespace, Instance: instance, Timestamp: time.Now().UTC(), Text: text}})
}

// append writes the lines and hands them on. A disk that is full costs a line
// its place in the file, never the function's life.
func (f *file) append(batch []logs.Message) {
	var lines bytes.Buffer
	to := json.NewEncoder(&lines)
	to.SetEscapeHTML(false)
	for _, m := range batch {
		_ = to.Encode(m) // strings and a time: cannot fail
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.removed {
		return // the last words of a function that nobody can ask for any more
	}
	f.write(lines.Bytes())
	for ch := range f.followers {
		for _, m := range batch {
			select {
			case ch <- m:
			default: // it lags too far behind
			}
		}
	}
}

func (f *file) write(lines []byte) {
	if len(lines) == 0 {
		return
	}
	if f.f != nil && f.size+int64(len(lines)) > MaxFile {
		_ = f.f.Close()
		f.f = nil
		_ = os.Rename(f.path, f.path+".1")
	}
	if f.f == nil {
		out, err := os.OpenFile(f.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			return
		}
		f.f, f.size = out, 0
		if info, err := out.Stat(); err == nil {
			f.size = info.Size()
		}
	}
	n, _ := f.f.Write(lines)
	f.size += int64(n)
}

// Remove forgets a function's log. Who follows it hears of the next function of
// that name.
func (s *Store) Remove(name string) error {
	f := s.file(name)
	s.mu.Lock()
	defer s.mu.Unlock()
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.followers) == 0 && s.files[name] == f {
		f.removed = true
		delete(s.files, name)
	}
	if f.f != nil {
		_ = f.f.Close()
		f.f = nil
	}
	for _, p := range []string{f.path, f.path + ".1"} {
		if err := os.Remove(p); err != nil && !os.IsNotExist(err) {
			return fmt.Errorf("remove log of %s: %w", name, err)
		}
	}
	return nil
}
