// Package function misbehaves in every way that the function server must
// survive. It is written for the stock template: module handler/function, an
// old go directive, the standard library.
package function

import (
	"bufio"
	"context"
	"errors"
	"expvar"
	"fmt"
	"io"
	"io/ioutil"
	"log"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// What the server shows beside its own metrics, and what it does not.
var (
	counted = expvar.NewMap("fnstore_test_total")
	private = expvar.NewMap("private")
)

func init() {
	counted.Add(`kind="a"`, 2)
	counted.Set(`kind="text"`, new(expvar.String))
	private.Add("secret", 1)
	expvar.Publish("torture_things", things{})
}

// things writes its lines itself.
type things struct{}

func (things) String() string { return "{}" }
func (things) AppendMetrics(b []byte) []byte {
	return append(b, "# TYPE torture_things gauge\ntorture_things 7\n"...)
}

// Handle picks the misbehaviour by path.
func Handle(w http.ResponseWriter, r *http.Request) {
	switch strings.TrimPrefix(r.URL.Path, "/") {
	case "echo":
		w.Header().Set("X-Seen-Call-Id", r.Header.Get("X-Call-Id"))
		io.Copy(w, r.Body)
	case "panic":
		panic("on purpose: " + r.URL.Query().Get("say"))
	case "panic-nil":
		panic(nil)
	case "panic-abort":
		panic(http.ErrAbortHandler)
	case "panic-late":
		io.WriteString(w, "half of it")
		w.(http.Flusher).Flush()
		panic("after the first byte")
	case "goexit":
		runtime.Goexit()
	case "bad-status":
		w.WriteHeader(0)
	case "wait": // until the context ends, then answers all the same
		<-r.Context().Done()
		if !errors.Is(r.Context().Err(), context.DeadlineExceeded) {
			slog.Info("left", "error", r.Context().Err().Error())
		}
		http.Error(w, "too late to matter", http.StatusTeapot)
	case "deaf": // does not look at its context, and changes headers meanwhile
		for end := time.Now().Add(2 * time.Second); time.Now().Before(end); {
			w.Header().Set("X-Busy", time.Now().String())
			time.Sleep(time.Millisecond)
		}
		_, err := io.WriteString(w, "too late")
		slog.Info("deaf", "error", fmt.Sprint(err))
	case "drip": // begins, then never ends by itself
		for {
			if _, err := io.WriteString(w, "data: x\n\n"); err != nil {
				return
			}
			http.NewResponseController(w).Flush()
			time.Sleep(time.Millisecond)
		}
	case "deadline":
		at, ok := r.Context().Deadline()
		fmt.Fprintln(w, ok, time.Until(at).Round(time.Second))
	case "env":
		fmt.Fprintln(w, strings.Join(os.Environ(), "\n"))
	case "child": // what a program started here finds open
		out, err := exec.Command("ls", "-l", "/proc/self/fd").CombinedOutput()
		fmt.Fprintln(w, string(out), err)
	case "gate": // says that it is in, waits for the file to go
		name := os.Getenv("TMPDIR") + "/gate"
		fmt.Fprintln(w, "in")
		w.(http.Flusher).Flush()
		for {
			if _, err := os.Stat(name); err != nil {
				break
			}
			time.Sleep(5 * time.Millisecond)
		}
		fmt.Fprintln(w, "out")
	case "log":
		slog.Info("said by the handler", "n", 1)
		fmt.Println("plain")
	case "print":
		log.Print("printed by the handler")
		slog.Info("said by the handler", "n", 2)
	case "hijack": // echoes lines, and says when its context ended
		conn, buf, err := http.NewResponseController(w).Hijack()
		if err != nil {
			panic(err)
		}
		defer conn.Close()
		io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: lines\r\n\r\n")
		go func() {
			<-r.Context().Done()
			slog.Info("over", "error", r.Context().Err().Error())
		}()
		for {
			line, err := buf.ReadString('\n')
			if err != nil {
				return
			}
			io.WriteString(conn, line)
		}
	case "exit":
		os.Exit(3)
	case "overflow":
		overflow(0)
	case "big": // more than any buffer holds
		for {
			if _, err := w.Write(make([]byte, 1<<20)); err != nil {
				slog.Info("big", "error", err.Error())
				return
			}
		}
	case "read": // to the end, and says how that was
		n, err := io.Copy(ioutil.Discard, r.Body)
		slog.Info("read", "n", n, "error", fmt.Sprint(err))
	case "nothing":
	case "nofile": // leaves itself few descriptors
		n, _ := strconv.ParseUint(r.URL.Query().Get("n"), 10, 32)
		syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: n, Max: n})
	case "refuse": // without reading
		w.WriteHeader(http.StatusRequestEntityTooLarge)
	case "hints":
		w.Header().Set("Link", "</a.css>; rel=preload")
		w.WriteHeader(103)
		fmt.Fprintln(w, "ok")
	case "trailers":
		w.Header().Set("Trailer", "X-Answer")
		io.Copy(ioutil.Discard, r.Body)
		fmt.Fprint(w, "X-Sum ", r.Trailer.Get("X-Sum"))
		w.Header().Set("X-Answer", "8")
	case "lines": // answers each line when it comes
		w.Header().Set("Content-Type", "text/event-stream")
		for lines := bufio.NewScanner(r.Body); lines.Scan(); {
			fmt.Fprintf(w, "data: %s\n", lines.Text())
			w.(http.Flusher).Flush()
		}
	default:
		fmt.Fprintln(w, "ok")
	}
}

func overflow(n int) int { return overflow(n+1) + 1 }
