package architecture

import (
	"bufio"
	"bytes"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The import rules. Test files are exempt: a test may use the real service, or an
// oracle that the code must not carry.
//
//	cmd ──▶ everything
//	runtime ──▶ kit, connectors
//	runtime/process, runtime/docker ──▶ runtime/provider, and not each other
//	runtime/gateway ──▶ none of these three
//	connectors/x ──▶ kit, connectors/hook, pgx, one driver
//	functions/x ──▶ kit
//	kit/x ──▶ kit, one outside module
//	template ──▶ the standard library

// importer is what the rules look at: a package and what it imports.
type importer struct {
	dir     string
	imports []string
}

func TestImports(t *testing.T) {
	byDir := map[string]map[string]bool{}
	for _, f := range goFiles(t) {
		if f.isTest() {
			continue
		}
		if byDir[f.dir()] == nil {
			byDir[f.dir()] = map[string]bool{}
		}
		for _, p := range f.imports() {
			byDir[f.dir()][p] = true
		}
	}
	families := required(read(t, "go.mod"))
	for _, dir := range slices.Sorted(maps.Keys(byDir)) {
		for _, c := range checkImports(importer{dir, slices.Sorted(maps.Keys(byDir[dir]))}, families) {
			t.Error(c)
		}
	}
}

// checkImports gives one complaint for each import that a package may not have.
func checkImports(p importer, families []string) (complaints []string) {
	say := func(what, why string) { complaints = append(complaints, p.dir+" imports "+what+": "+why) }
	top, _, _ := strings.Cut(p.dir, "/")
	outside := map[string]bool{}
	for _, path := range p.imports {
		own, isOwn := strings.CutPrefix(path, module+"/")
		to, _, _ := strings.Cut(own, "/")
		switch {
		case standard(path):
			continue
		case !isOwn:
			outside[family(path, families)] = true
		case to == "cmd":
			say(path, "cmd is where everything is put together, and nothing stands on it. Move what you need into a package of runtime or kit.")
		case to == "tests" && top != "tests":
			say(path, "tests look at the code, not the other way round. Move what is shared into the package it is about.")
		case helper(path) && !helper(p.dir) && top != "tests":
			say(path, "a package named …test is for tests; it would be linked into what ships. Import it from a _test.go file.")
		}
		if !isOwn {
			continue
		}
		switch top {
		case "kit":
			if to != "kit" {
				say(path, "kit is copied into every build context and imports nothing else of this module. Move what you need into kit, or hand it in as a value.")
			}
		case "functions":
			if to != "kit" {
				say(path, "a function is built with kit alone; it talks to the rest over HTTP or by messages.")
			}
		case "connectors":
			if to != "kit" && own != "connectors/hook" && !strings.HasPrefix(own, p.dir+"/") {
				say(path, "a connector knows its source and connectors/hook. What two connectors share belongs to hook.")
			}
		case "runtime":
			switch {
			case to == "functions":
				say(path, "the runtime knows functions from the stack file only, so that any function can take their place.")
			case backend(own) && backend(p.dir) && part(own) != part(p.dir):
				say(path, "one backend does not know another. What both need belongs to runtime/provider.")
			case backend(own) && (part(p.dir) == "provider" || part(p.dir) == "gateway"), part(own) == "provider" && part(p.dir) == "gateway":
				say(path, "how functions run is behind an interface, so that a backend can take the place of another. Ask for what you need there.")
			}
		case "template":
			say(path, "the template is pulled without the rest of the repository and is built with the standard library alone.")
		}
	}
	if top == "connectors" {
		delete(outside, "github.com/jackc/pgx/v5") // what a source tells of is written in the queue's transaction
	}
	names := slices.Sorted(maps.Keys(outside))
	switch {
	case top == "functions" && len(names) > 0:
		say(strings.Join(names, ", "), "a function takes its tools from kit, so that one place decides about each library. Use the kit package, or make one.")
	case top == "template" && len(names) > 0 && !starter(p.dir):
		say(strings.Join(names, ", "), "strangers build with this template, in modules where no such requirement is. Use the standard library.")
	case (top == "kit" || top == "connectors") && len(names) > 1:
		say(strings.Join(names, " and "), "one tool, one weight: a function pays at every cold start for all it links. Split the package so that each part brings one outside module.")
	}
	return complaints
}

// backend is true for what runs functions in one way or another.
func backend(dir string) bool { return part(dir) == "process" || part(dir) == "docker" }

// part is the package of runtime that a folder belongs to.
func part(dir string) string {
	rest, _ := strings.CutPrefix(dir, "runtime/")
	name, _, _ := strings.Cut(rest, "/")
	return name
}

// standard is true for the standard library: no other path begins without a
// dot, this module's excepted.
func standard(path string) bool {
	first, _, _ := strings.Cut(path, "/")
	return first != module && !strings.Contains(first, ".")
}

// starter is what a template gives a newcomer to change: a module of its own,
// which may be written for somebody's SDK.
func starter(dir string) bool {
	return strings.HasPrefix(dir, "template/") && strings.HasSuffix(dir, "/function")
}

// helper packages serve tests: servicestest, phototest and such.
func helper(path string) bool {
	name := path[strings.LastIndex(path, "/")+1:]
	return strings.HasSuffix(name, "test") && name != "test"
}

// family is the module a package belongs to, by the longest path that go.mod
// requires. golang.org/x is many modules, and each counts.
func family(path string, families []string) string {
	best := path
	for _, f := range families {
		if (path == f || strings.HasPrefix(path, f+"/")) && (best == path || len(f) > len(best)) {
			best = f
		}
	}
	return best
}

var requirement = regexp.MustCompile(`^\s*(?:require\s+)?(\S+\.\S+)\s+v\d`)

// required lists the modules that a go.mod requires.
func required(mod []byte) (list []string) {
	for s := bufio.NewScanner(bytes.NewReader(mod)); s.Scan(); {
		if m := requirement.FindStringSubmatch(s.Text()); m != nil {
			list = append(list, m[1])
		}
	}
	return list
}

// The test itself is tested.
func TestImports_AreJudged(t *testing.T) {
	families := required([]byte("require (\n\tgolang.org/x/image v0.1.0\n\tgolang.org/x/sys v0.1.0\n\tgithub.com/minio/minio-go/v7 v7.1.0 // indirect\n)\nrequire github.com/a/b v1.0.0\n"))
	for _, c := range []struct {
		dir, imports string
		complaints   int
	}{
		{"kit/a", "fmt fnstore/kit/b golang.org/x/image/webp golang.org/x/image/tiff", 0},
		{"kit/a", "golang.org/x/image/webp golang.org/x/sys/unix", 1},
		{"kit/a", "fnstore/runtime/gateway", 1},
		{"kit/a", "fnstore/kit/b/btest", 1},
		{"kit/a/atest", "fnstore/kit/b/btest testing", 0},
		{"functions/a", "net/http fnstore/kit/wire", 0},
		{"functions/a", "fnstore/functions/b", 1},
		{"functions/a", "github.com/a/b", 1},
		{"connectors/a", "fnstore/kit/queue fnstore/connectors/hook github.com/a/b/c", 0},
		{"connectors/a", "fnstore/connectors/b github.com/a/b github.com/minio/minio-go/v7/pkg/set", 2},
		{"runtime/a", "fnstore/runtime/b fnstore/connectors/hook github.com/a/b golang.org/x/sys/unix", 0},
		{"runtime/a", "fnstore/functions/b fnstore/cmd/fnstore", 2},
		{"runtime/docker", "fnstore/runtime/provider fnstore/runtime/docker/engine fnstore/runtime/forward", 0},
		{"runtime/docker", "fnstore/runtime/process/launch", 1},
		{"runtime/provider", "fnstore/runtime/process", 1},
		{"runtime/gateway", "fnstore/runtime/provider fnstore/runtime/docker", 2},
		{"template/golang-middleware/server", "net/http", 0},
		{"template/golang-middleware/server", "fnstore/kit/wire", 1},
		{"template/golang-middleware/server", "github.com/a/b", 1},
		{"cmd/fnstore", "fnstore/runtime/a fnstore/kit/b github.com/a/b golang.org/x/sys/unix", 0},
		{"cmd/fnstore", "fnstore/tests/flow", 1},
		{"tests/flow", "fnstore/cmd/fnstore fnstore/kit/b/btest", 1},
	} {
		if got := checkImports(importer{c.dir, strings.Fields(c.imports)}, families); len(got) != c.complaints {
			t.Errorf("%s importing %s: %d complaints, want %d: %q", c.dir, c.imports, len(got), c.complaints, got)
		}
	}
}
