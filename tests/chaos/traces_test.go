package chaos

import (
	"bufio"
	"context"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"fnstore/tests/chaos/actors"
)

// traces is what functions could leave in a store and on its machine: how many
// of each kind there are, and every file and folder by name.
type traces struct {
	counts map[string]int
	files  map[string]bool
}

// settled is what there is once the images' programs are there, which are kept
// for whoever runs them next. The functions that fetch them have names that no
// other has: what they leave would hide what others do.
func settled(t *testing.T, images map[string]string) traces {
	t.Helper()
	clean := look(t)
	for name, image := range images {
		must(t, stage.Deploy(actors.Function(name, image)))
		must(t, stage.Await(name, 1))
		must(t, stage.Remove(name))
	}
	now := look(t)
	for at := range now.files {
		if !clean.files[at] && !strings.HasPrefix(at, filepath.Join(stage.State, "unpacked")) {
			t.Errorf("a first function leaves %s", at)
		}
	}
	return now
}

// look finds what there is now.
func look(t *testing.T) traces {
	t.Helper()
	s := traces{map[string]int{}, map[string]bool{}}
	proc := fmt.Sprint("/proc/", stage.PID())
	open, err := os.ReadDir(proc + "/fd")
	if err != nil {
		t.Fatal(err)
	}
	s.counts["descriptors"] = len(open)
	s.counts["goroutines"] = int(metric(t, "go_goroutines"))
	s.counts["processes of functions"] = len(stage.PIDs(""))
	s.counts["children"] = children()
	s.counts["mounts"] = lines(proc + "/mountinfo")
	maps.Copy(s.counts, rows(t))
	// The services' own files come and go as they like; what images need is
	// shared by whoever runs them next.
	dir := filepath.Dir(stage.State)
	for _, root := range []string{dir, "/sys/fs/cgroup"} {
		_ = filepath.WalkDir(root, func(at string, d fs.DirEntry, err error) error {
			if err != nil {
				return nil // it has just gone
			}
			group := strings.HasPrefix(at, "/sys/")
			switch name := d.Name(); {
			case d.IsDir() && (name == "postgres" || name == "redis"):
				return filepath.SkipDir
			case strings.HasSuffix(name, ".sock"):
				s.counts["sockets"]++ // by number, here and below: one may be made ahead
			case !group:
				s.files[at] = true
			case d.IsDir() && strings.HasPrefix(filepath.Base(filepath.Dir(at)), "fnstore-"+strconv.Itoa(stage.PID())):
				s.counts["control groups"]++
			}
			return nil
		})
	}
	return s
}

// pooled are kinds of which a few more than before say nothing: connections are
// kept for the next call, for a minute or so.
var pooled = map[string]bool{"descriptors": true, "goroutines": true}

// since names what is more than it was, by more than slack of what is pooled.
func (s traces) since(before traces, slack int) (more []string) {
	for kind, n := range s.counts {
		was := before.counts[kind]
		if pooled[kind] {
			was += slack
		}
		if n > was {
			more = append(more, fmt.Sprintf("%s: %d, were %d", kind, n, was))
		}
	}
	for at := range s.files {
		if !before.files[at] {
			more = append(more, at)
		}
	}
	slices.Sort(more)
	return more
}

// untraced waits until no more is there than before. The slack is to be less
// than what would be there if each of the functions had left one.
func untraced(t *testing.T, before traces, slack int) {
	t.Helper()
	var more []string
	begun := time.Now()
	for deadline := begun.Add(90 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		was := more
		if more = look(t).since(before, slack); len(more) == 0 {
			t.Logf("no trace was left after %s; the last were %v", time.Since(begun).Round(time.Millisecond), was)
			return
		}
	}
	t.Errorf("left behind: %d things, such as\n%s", len(more), strings.Join(more[:min(len(more), 20)], "\n"))
}

// metric reads one figure of the store's metrics.
func metric(t *testing.T, name string) float64 {
	t.Helper()
	res, err := http.Get(stage.Env["FNSTORE_METRICS_URL"])
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	for in := bufio.NewScanner(res.Body); in.Scan(); {
		if v, ok := strings.CutPrefix(in.Text(), name+" "); ok {
			f, err := strconv.ParseFloat(v, 64)
			if err != nil {
				t.Fatal(err)
			}
			return f
		}
	}
	t.Fatalf("there is no metric %s", name)
	return 0
}

// rows counts the rows of every table.
func rows(t *testing.T) map[string]int {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	c, err := pgx.Connect(ctx, stage.Postgres)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(ctx)
	tables, err := c.Query(ctx, "select format('%I.%I', schemaname, tablename) from pg_tables where schemaname not in ('pg_catalog', 'information_schema')")
	if err != nil {
		t.Fatal(err)
	}
	names, err := pgx.CollectRows(tables, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	names = append(names, "pg_catalog.pg_roles")
	counts := map[string]int{}
	for _, n := range names {
		var count int
		if err := c.QueryRow(ctx, "select count(*) from "+n).Scan(&count); err != nil {
			t.Fatal(err)
		}
		counts["rows of "+n] = count
	}
	return counts
}

// children counts the processes that the store has started, whatever they are.
func children() (n int) {
	list, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", stage.PID())) // the pattern is sound
	for _, at := range list {
		b, _ := os.ReadFile(at) // or the thread has just ended
		n += len(strings.Fields(string(b)))
	}
	return n
}

func lines(path string) int {
	b, _ := os.ReadFile(path) // of a store that runs
	return strings.Count(string(b), "\n")
}

// resident is the memory of its own that the store has, in KiB.
func resident(t *testing.T) int {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", stage.PID()))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(b), "RssAnon:")
	n, err := strconv.Atoi(strings.Fields(rest)[0])
	if err != nil {
		t.Fatal(err)
	}
	return n
}
