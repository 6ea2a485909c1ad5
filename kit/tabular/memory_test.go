package tabular_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"fnstore/kit/tabular"
)

// hostile are files that make a reader that trusts them large: each is made
// while it is read.
var hostile = map[string]func(io.Writer) error{
	"a line of 100 MB":          repeat("a,b\n1,2\n", "x", 100<<20),
	"a quoted field of 100 MB":  repeat("a,b\n1,\"", "x\n", 50<<20),
	"a million columns":         repeat("", "column,", 1_000_000),
	"a row of a million commas": repeat("a,b\n1,2\n", ",", 1_000_000),
	"one behind empty lines":    repeat("a,b\n1,2\n\n\r\n", ",", 1_000_000),
	"one behind a quoted line":  repeat("a,b\n1,2\n\"\n\"", ",", 1_000_000),
	"quotes":                    repeat("a,b\n1,2\n", `"",`, 1_000_000),
	"a string of 100 MB":        repeat(`{"id":"`, "x", 100<<20),
	"an element of 100 MB":      repeat(`[{"id":"`, "x", 100<<20),
	"an element of members":     repeat(`[{"id":1`, `,"id":1`, 5_000_000),
	"deep arrays":               repeat(`[{"id":`, "[", 50<<20),
	"deep objects":              repeat("", `{"id":`, 10<<20),
	"bad rows":                  repeat("id\n", "x\n", 300_000),
	"names that nobody knows":   many(`{"name%d%[1]d%[1]d":1}`+"\n", 300_000),
	"a gzip bomb":               packed("gzip", repeat("id,a\n", "1,"+strings.Repeat("x", 500)+"\n", 300_000)),
	"a zstd bomb":               packed("zstd", repeat("id,a\n", "1,"+strings.Repeat("x", 500)+"\n", 300_000)),
	"a gzip bomb of a line":     packed("gzip", repeat("a,b\n", "x", 200<<20)),
}

func repeat(head, text string, n int) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := io.WriteString(w, head)
		per := max(1, 64<<10/len(text))
		for chunk := strings.Repeat(text, per); n > 0 && err == nil; n -= per {
			_, err = io.WriteString(w, chunk)
		}
		return err
	}
}

func many(format string, n int) func(io.Writer) error {
	return func(w io.Writer) (err error) {
		for i := 0; i < n && err == nil; i++ {
			_, err = fmt.Fprintf(w, format, i)
		}
		return err
	}
}

func packed(with string, write func(io.Writer) error) func(io.Writer) error {
	return func(w io.Writer) error {
		z := io.WriteCloser(gzip.NewWriter(w))
		if with == "zstd" {
			z, _ = zstd.NewWriter(w, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(1<<20))
		}
		if err := write(z); err != nil {
			return err
		}
		return z.Close()
	}
}

// No file takes more than a process of 64 MiB has.
//
// Seed: B45
func TestMemory_IsBoundedWhateverTheFile(t *testing.T) {
	for name, write := range hostile {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			child := exec.Command(os.Args[0], "-test.run", "^TestMemoryOfAChild$")
			child.Env = append(os.Environ(), "TABULAR_CHILD=1")
			in, err := child.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			var out bytes.Buffer
			child.Stdout, child.Stderr = &out, os.Stderr
			if err := child.Start(); err != nil {
				t.Fatal(err)
			}
			_ = write(in) // the child may refuse the file before its end
			_ = in.Close()
			if err := child.Wait(); err != nil {
				t.Fatalf("%v\n%.2000s", err, out.String())
			}
			said, _, _ := strings.Cut(out.String(), "\n")
			kib, err := strconv.Atoi(strings.Fields(said)[0])
			if err != nil || kib > 64<<10 {
				t.Errorf("%s (%v)", said, err)
			}
			t.Log(said)
		})
	}
}

// The other process of the test above: it reads its input, and says how much
// memory it had at most.
func TestMemoryOfAChild(t *testing.T) {
	if os.Getenv("TABULAR_CHILD") == "" {
		return
	}
	rows, bad, err := load(os.Stdin)
	status, _ := os.ReadFile("/proc/self/status")
	_, peak, _ := strings.Cut(string(status), "VmHWM:")
	fmt.Printf("%s KiB, %d rows, %d bad, %q\n", strings.Fields(peak)[0], rows, bad, code(err))
}

func load(file io.Reader) (rows, bad int64, err error) {
	r, err := tabular.Open(file, "", "", tabular.Limits{})
	if err != nil {
		return 0, 0, err
	}
	b, err := tabular.Bind(tabular.Table{Columns: []tabular.Column{{Name: "id", Type: "int8"}, {Name: "a", Type: "text"}}}, r.Columns())
	if err != nil {
		return 0, 0, err
	}
	c := tabular.NewCopier(r, b)
	for c.More() {
		if _, err := io.Copy(io.Discard, c); err != nil && c.Err() == nil {
			return c.Rows(), c.Rejected(), err
		}
	}
	return c.Rows(), c.Rejected(), c.Err()
}
