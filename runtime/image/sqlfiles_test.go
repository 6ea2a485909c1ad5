package image

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

func listed(t *testing.T, f fs.FS) (names []string) {
	t.Helper()
	err := fs.WalkDir(f, ".", func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			names = append(names, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// A function's SQL comes out of its image, the last layer's, and nothing else of
// it does; a second time needs no registry.
func TestSQL_FromTheImage(t *testing.T) {
	bin := program(t)
	app := v1.Config{Entrypoint: []string{"./handler"}, WorkingDir: "/home/app"}
	host, kept := serve(t)
	img := imageOf(t, app,
		layer(t, file{name: "home/app/handler", text: bin}, file{name: "home/app/migrations/00001_a.sql", text: "old"}, file{name: "home/app/migrations/00009_gone.sql", text: "x"}),
		layer(t, file{name: "home/app/migrations/"}, file{name: "home/app/migrations/00001_a.sql", text: "create a"}, file{name: "home/app/migrations/.wh.00009_gone.sql"},
			file{name: "./home/app/grants.sql", text: "grant"}, file{name: "home/app/migrations/README.md", text: "x"},
			file{name: "migrations/00002_root.sql", text: "x"}, file{name: "home/app/migrations/deep/00003_b.sql", text: "x"},
			file{name: "home/app/migrations/00004_link.sql", link: "/etc/passwd"}))
	ref := pushed(t, host, img)
	digest, err := img.Digest()
	if err != nil {
		t.Fatal(err)
	}
	pinned := ref[:strings.LastIndex(ref, ":")] + "@" + digest.String()
	dir := t.TempDir()
	for range 2 {
		got, err := SQL(t.Context(), pinned, dir)
		if err != nil {
			t.Fatal(err)
		}
		if names := listed(t, got); !slices.Equal(names, []string{"grants.sql", "migrations/00001_a.sql"}) {
			t.Errorf("found %v", names)
		}
		if b, err := fs.ReadFile(got, "migrations/00001_a.sql"); err != nil || string(b) != "create a" {
			t.Errorf("%q, %v", b, err)
		}
		if err := os.RemoveAll(kept); err != nil { // the registry has lost it
			t.Fatal(err)
		}
	}
	if _, err := SQL(t.Context(), ref, dir); err == nil {
		t.Error("a tag was taken: it may move")
	}
}

// An image with SQL beside its program is still one program.
func TestUnpack_SQLBesideTheProgram(t *testing.T) {
	host, _ := serve(t)
	app := v1.Config{Entrypoint: []string{"./handler"}, WorkingDir: "/home/app"}
	img := imageOf(t, app, layer(t, file{name: "home/app/handler", text: program(t)}, file{name: "home/app/migrations/00001_a.sql", text: "x"}, file{name: "home/app/grants.sql", text: "x"}))
	if _, err := Unpack(t.Context(), pushed(t, host, img), t.TempDir()); err != nil {
		t.Error(err)
	}
}

func TestSQL_OfAHandlersFolder(t *testing.T) {
	handler, dir := t.TempDir(), t.TempDir()
	digest := "sha256:" + strings.Repeat("a", 64)
	place := func() []string {
		if err := InstallSQL(handler, dir, digest); err != nil {
			t.Fatal(err)
		}
		got, err := SQL(t.Context(), "127.0.0.1:1/x@"+digest, dir)
		if err != nil {
			t.Fatal(err)
		}
		return listed(t, got)
	}
	if names := place(); len(names) != 0 {
		t.Errorf("found %v", names)
	}
	if err := os.Mkdir(filepath.Join(handler, "migrations"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"grants.sql", "migrations/00001_a.sql", "handler.go"} {
		if err := os.WriteFile(filepath.Join(handler, name), []byte("x"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if names := place(); !slices.Equal(names, []string{"grants.sql", "migrations/00001_a.sql"}) {
		t.Errorf("found %v", names)
	}
}
