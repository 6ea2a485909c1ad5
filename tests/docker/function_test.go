package docker

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

var kept [][]byte // what a function that takes too much has taken

// behave is a function that does what it is asked, and should not.
func behave() {
	if os.Getenv("FN_MODE") == "deaf" {
		signal.Ignore(syscall.SIGTERM)
	}
	http.HandleFunc("/_/ready", func(http.ResponseWriter, *http.Request) {})
	http.HandleFunc("/version", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, os.Getenv("VERSION")) })
	http.HandleFunc("/secret", func(w http.ResponseWriter, r *http.Request) {
		b, err := os.ReadFile("/var/openfaas/secrets/" + r.FormValue("name"))
		fmt.Fprint(w, string(b), err)
	})
	http.HandleFunc("/status", func(w http.ResponseWriter, _ *http.Request) {
		b, _ := os.ReadFile("/proc/self/status")
		_, _ = w.Write(b)
	})
	http.HandleFunc("/write", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, os.WriteFile(r.FormValue("path"), []byte("#!/bin/sh\n"), 0o755))
	})
	http.HandleFunc("/run", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, exec.Command(r.FormValue("path")).Run())
	})
	http.HandleFunc("/dial", func(w http.ResponseWriter, r *http.Request) {
		c, err := net.DialTimeout("tcp", r.FormValue("address"), time.Second)
		if err == nil {
			_ = c.Close()
		}
		fmt.Fprint(w, err)
	})
	http.HandleFunc("/grow", func(http.ResponseWriter, *http.Request) {
		for range 64 {
			b := make([]byte, 8<<20)
			for i := 0; i < len(b); i += 4096 {
				b[i] = 1
			}
			kept = append(kept, b)
		}
	})
	http.HandleFunc("/fork", func(w http.ResponseWriter, _ *http.Request) {
		for n := range 10_000 {
			child := exec.Command("/bin/sh", "-c", "read x")
			in, _ := child.StdinPipe()
			_ = in
			child.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
			if err := child.Start(); err != nil {
				fmt.Fprint(w, n, " ", err)
				return
			}
		}
	})
	http.HandleFunc("/shout", func(http.ResponseWriter, *http.Request) { // 100 MB, some of it one line, none of it text
		for range 100 {
			_, _ = os.Stdout.Write(bytes.Repeat([]byte{0, 0xff, '"', 0x1b, '['}, 200_000))
		}
		_, _ = os.Stdout.Write([]byte("\nenough said\n"))
	})
	fmt.Println("serving")
	fmt.Println(http.ListenAndServe(":8080", nil))
}

// manyFiles makes an image of the function with a shell around it and, where
// this test was compiled so, the libraries it loads: more than one static
// program, which the process backend would refuse.
func manyFiles(t *testing.T, ref string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	err = machine.Import(ref, nil, []string{"sh", self}, fmt.Sprintf(`ENTRYPOINT ["/bin/sh", "-c", "exec /bin/%s"]`, filepath.Base(self)))
	if err != nil {
		t.Fatal(err)
	}
	must(t, "push", ref)
}
