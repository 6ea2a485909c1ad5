package image

import (
	"archive/tar"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"fnstore/kit/fault"
)

// app is an image's configuration whose working directory is /home/app.
func app(argv ...string) v1.Config {
	return v1.Config{Entrypoint: argv, WorkingDir: "/home/app"}
}

// contentsOf lists what is below dir: a file's text, a link's target, "" for a
// folder.
func contentsOf(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		switch d.Type() {
		case fs.ModeDir:
			all[rel] = ""
		case fs.ModeSymlink:
			target, err := os.Readlink(path)
			all[rel] = "-> " + target
			return err
		default:
			b, err := os.ReadFile(path)
			all[rel] = string(b)
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestUnpack_WorkingDirectory(t *testing.T) {
	bin := program(t)
	host, _ := serve(t)
	handler := file{name: "home/app/handler", text: bin}
	for _, c := range []struct {
		what   string
		config v1.Config
		layers []v1.Layer
		want   map[string]string // nil: there is none
	}{
		{"only the program", app("./handler"), []v1.Layer{layer(t, file{name: "home/app/"}, handler)}, nil},
		{"static beside it", app("./handler"), []v1.Layer{layer(t, handler, file{name: "home/app/static/index.html", text: "<p>"}, file{name: "home/app/data.json", text: "{}"})},
			map[string]string{"static": "", "static/index.html": "<p>", "data.json": "{}"}},
		{"replaced, removed and added in layers", app("./handler"), []v1.Layer{
			layer(t, handler, file{name: "home/app/a", text: "old"}, file{name: "home/app/b", text: "b"}, file{name: "home/app/c/d", text: "d"}),
			layer(t, file{name: "home/app/a", text: "new"}, file{name: "home/app/.wh.b"}, file{name: "home/app/c/.wh..wh..opq"}, file{name: "home/app/c/e", text: "e"})},
			map[string]string{"a": "new", "c": "", "c/e": "e"}},
		{"a name twice in a layer", app("./handler"), []v1.Layer{layer(t, handler, file{name: "home/app/a", text: "1"}, file{name: "home/app/a", text: "2"})},
			map[string]string{"a": "2"}},
		{"links that stay inside", app("./handler"), []v1.Layer{layer(t, handler, file{name: "home/app/v1/x", text: "x"},
			file{name: "home/app/current", link: "v1"}, file{name: "home/app/v1/abs", link: "/home/app/v1/x"}, file{name: "home/app/v1/up", link: "../v1/x"},
			file{name: "home/app/y", link: "home/app/v1/x", kind: tar.TypeLink}, file{name: "home/app/dangling", link: "none"})},
			map[string]string{"v1": "", "v1/x": "x", "current": "-> v1", "v1/abs": "-> x", "v1/up": "-> x", "y": "x", "dangling": "-> none"}},
		{"found by PATH", v1.Config{Cmd: []string{"fwatchdog"}, WorkingDir: "/home/app", Env: []string{"PATH=/none:/opt/bin:/usr/bin"}},
			[]v1.Layer{layer(t, file{name: "opt/bin/fwatchdog", text: bin}, file{name: "home/app/handler", text: "its child"})},
			map[string]string{"handler": "its child"}},
		{"found by Docker's PATH", v1.Config{Cmd: []string{"fwatchdog"}, WorkingDir: "/home/app"},
			[]v1.Layer{layer(t, file{name: "usr/bin/fwatchdog", text: bin}, file{name: "home/app/x", text: "x"})}, map[string]string{"x": "x"}},
		{"the program by another name in it", app("/usr/bin/fwatchdog"), []v1.Layer{layer(t, file{name: "usr/bin/fwatchdog", text: bin},
			file{name: "home/app/fwatchdog", link: "/usr/bin/fwatchdog"}, file{name: "home/app/x", text: "x"})}, map[string]string{"x": "x"}},
		{"behind a link", app("./handler"), []v1.Layer{layer(t, file{name: "home/app", link: "/srv"}, file{name: "srv/handler", text: bin}, file{name: "srv/x", text: "x"})},
			map[string]string{"x": "x"}},
		{"names that climb end at the root", app("./handler"), []v1.Layer{layer(t, handler, file{name: "../../home/app/../../../home/app/x", text: "x"})},
			map[string]string{"x": "x"}},
	} {
		dir := t.TempDir()
		u, err := Unpack(t.Context(), pushed(t, host, imageOf(t, c.config, c.layers...)), dir)
		if err != nil {
			t.Errorf("%s: %v", c.what, err)
			continue
		}
		if c.want == nil {
			if u.Dir != "" {
				t.Errorf("%s: a working directory %s", c.what, u.Dir)
			}
			continue
		}
		got := contentsOf(t, u.Dir)
		for name, text := range c.want {
			if was, ok := got[name]; !ok || was != text {
				t.Errorf("%s: %s is %q, want %q", c.what, name, was, text)
			}
		}
		if len(got) != len(c.want) {
			t.Errorf("%s: %v", c.what, got)
		}
		again, err := Unpack(t.Context(), "127.0.0.1:1/gone/image@"+u.Digest, dir)
		if err != nil || again.Dir != u.Dir {
			t.Errorf("%s, from the cache: %+v %v", c.what, again, err)
		}
	}
}

// What is unpacked is read-only and carries no rights of its file.
func TestUnpack_WorkingDirectoryModes(t *testing.T) {
	host, _ := serve(t)
	tarred, err := layer(t, file{name: "home/app/handler", text: program(t)}).Uncompressed()
	if err != nil {
		t.Fatal(err)
	}
	base, err := io.ReadAll(tarred)
	if err != nil {
		t.Fatal(err)
	}
	var odd strings.Builder
	w := tar.NewWriter(&odd)
	for name, mode := range map[string]int64{"home/app/setuid": 0o6755, "home/app/open": 0o666, "home/app/closed": 0o000} {
		if err := w.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: mode, Size: 1}); err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(w, "x")
	}
	if err := errors.Join(w.WriteHeader(&tar.Header{Name: "home/app/folder/", Typeflag: tar.TypeDir, Mode: 0o000}), w.Close()); err != nil {
		t.Fatal(err)
	}
	img := imageOf(t, app("./handler"), static.NewLayer(base, types.OCIUncompressedLayer), static.NewLayer([]byte(odd.String()), types.OCIUncompressedLayer))
	u, err := Unpack(t.Context(), pushed(t, host, img), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]fs.FileMode{"setuid": 0o555, "open": 0o444, "closed": 0o444, "folder": 0o755 | fs.ModeDir} {
		info, err := os.Lstat(filepath.Join(u.Dir, name))
		if err != nil || info.Mode() != want {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
}

// Nothing that an image says reaches a file outside of its own folder.
func TestUnpack_HostileWorkingDirectory(t *testing.T) {
	bin := program(t)
	host, _ := serve(t)
	handler := file{name: "home/app/handler", text: bin}
	many := make([]file, maxWorkdirFiles+1)
	for i := range many {
		many[i] = file{name: "home/app/" + strings.Repeat("d/", i%7) + "f" + strconv.Itoa(i)}
	}
	for _, c := range []struct {
		what, want, code string
		config           v1.Config
		files            []file
	}{
		{"a link out", "leads out of the working directory", "image_needs_docker", app("./handler"), []file{handler, {name: "home/app/out", link: "../../etc/passwd"}}},
		{"an absolute link out", "leads out of the working directory", "image_needs_docker", app("./handler"), []file{handler, {name: "home/app/out", link: "/etc/passwd"}}},
		{"a link to a sibling of like name", "leads out of the working directory", "image_needs_docker", app("./handler"), []file{handler, {name: "home/app/out", link: "../app2/x"}}},
		{"a file through a link", "which is not a folder", "image_unfit", app("./handler"), []file{handler, {name: "home/app/l", link: "."}, {name: "home/app/l/x", text: "x"}}},
		{"a link below a link", "which is not a folder", "image_unfit", app("./handler"),
			[]file{handler, {name: "home/app/a/b/c/"}, {name: "home/app/a/b/c/top", link: "../../.."}, {name: "home/app/a/b/c/top/up", link: "../../x"}}},
		{"a file in a file", "which is not a folder", "image_unfit", app("./handler"), []file{handler, {name: "home/app/f", text: "x"}, {name: "home/app/f/x", text: "x"}}},
		{"a hard link out", "outside of the working directory", "image_needs_docker", app("./handler"), []file{handler, {name: "etc/x", text: "x"}, {name: "home/app/h", link: "etc/x", kind: tar.TypeLink}}},
		{"a hard link to the host", "is not in the image", "image_unfit", app("./handler"), []file{handler, {name: "home/app/h", link: "../../../etc/passwd", kind: tar.TypeLink}}},
		{"hard links in circles", "too many links", "image_unfit", app("./handler"),
			[]file{handler, {name: "home/app/h", link: "home/app/i", kind: tar.TypeLink}, {name: "home/app/i", link: "home/app/h", kind: tar.TypeLink}}},
		{"a device", "is a device", "image_needs_docker", app("./handler"), []file{handler, {name: "home/app/null", kind: tar.TypeChar}}},
		{"a block device", "is a device", "image_needs_docker", app("./handler"), []file{handler, {name: "home/app/sda", kind: tar.TypeBlock}}},
		{"a pipe", "is a device, pipe or socket", "image_needs_docker", app("./handler"), []file{handler, {name: "home/app/p", kind: tar.TypeFifo}}},
		{"too many files", "more than 50000 files", "image_unfit", app("./handler"), append(many, handler)},
		{"the root as working directory", "/data", "image_needs_docker", v1.Config{Entrypoint: []string{"/handler"}, WorkingDir: "/"}, []file{{name: "handler", text: bin}, {name: "data", text: "x"}}},
		{"a working directory that is a file", "is not a folder", "image_unfit", v1.Config{Entrypoint: []string{"/handler"}, WorkingDir: "/etc/x"}, []file{{name: "handler", text: bin}, {name: "etc/x", text: "x"}}},
		{"a program and a shell elsewhere", "/bin/sh", "image_needs_docker", v1.Config{Cmd: []string{"fwatchdog"}, WorkingDir: "/home/app"},
			[]file{{name: "usr/bin/fwatchdog", text: bin}, {name: "bin/sh", text: "x"}, {name: "home/app/x", text: "x"}}},
		{"a program that PATH does not find", "in no folder of its PATH (/bin)", "image_unfit", v1.Config{Cmd: []string{"fwatchdog"}, Env: []string{"PATH=/bin"}}, []file{{name: "usr/bin/fwatchdog", text: bin}}},
	} {
		dir := t.TempDir()
		_, err := Unpack(t.Context(), pushed(t, host, imageOf(t, c.config, layer(t, c.files...))), dir)
		if err == nil || !strings.Contains(err.Error(), c.want) || fault.Of(err).Code != c.code {
			t.Errorf("%s: %v, code %s", c.what, err, fault.Of(err).Code)
		}
		if left, _ := os.ReadDir(dir); len(left) > 0 {
			t.Errorf("%s: left %v", c.what, left)
		}
	}
}

// A size in a header costs nothing: what is too large is refused before it is
// read.
func TestUnpack_SizeBombs(t *testing.T) {
	bound := maxWorkdirBytes
	maxWorkdirBytes = 64 << 20
	t.Cleanup(func() { maxWorkdirBytes = bound })
	bin := program(t)
	host, _ := serve(t)
	handler := file{name: "home/app/handler", text: bin}
	zeros := strings.Repeat("\x00", 16<<20)
	var big []v1.Layer
	for i := range int(maxWorkdirBytes)/len(zeros) + 1 { // each compresses to 16 KiB
		l, err := compressed(func() (io.ReadCloser, error) {
			return layer(t, file{name: "home/app/zeros" + strconv.Itoa(i), text: zeros}).Uncompressed()
		})
		if err != nil {
			t.Fatal(err)
		}
		big = append(big, l)
	}
	dir := t.TempDir()
	_, err := Unpack(t.Context(), pushed(t, host, imageOf(t, app("./handler"), append(big, layer(t, handler))...)), dir)
	if err == nil || !strings.Contains(err.Error(), "holds more than") || fault.Of(err).Code != "image_unfit" {
		t.Errorf("%v", err)
	}
	long := strings.Repeat("x", maxNameLength+1)
	for _, f := range []file{{name: "home/app/" + long, text: "x"}, {name: "home/app/l", link: long}} {
		if _, err := Unpack(t.Context(), pushed(t, host, imageOf(t, app("./handler"), layer(t, handler, f))), dir); err == nil || !strings.Contains(err.Error(), "a name of more than") {
			t.Errorf("%v", err)
		}
	}
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("left %v", left)
	}
}

func FuzzUnpackWorkdir(f *testing.F) {
	for _, files := range [][]file{
		{{name: "w/a", text: "x"}}, {{name: "w/l", link: "../.."}}, {{name: "w/l", link: "."}, {name: "w/l/x", text: "x"}},
		{{name: "w/h", link: "w/a", kind: tar.TypeLink}, {name: "w/a", text: "x"}}, {{name: "w", link: "/"}}, {{name: "w/../../x", text: "x"}},
	} {
		rc, err := layer(f, files...).Uncompressed()
		if err != nil {
			f.Fatal(err)
		}
		b, err := io.ReadAll(rc)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b, b, "/w")
	}
	f.Fuzz(func(t *testing.T, low, high []byte, dir string) {
		img := imageOf(t, v1.Config{}, static.NewLayer(low, types.OCIUncompressedLayer), static.NewLayer(high, types.OCIUncompressedLayer))
		tree, err := flatten(img)
		if err != nil {
			return
		}
		work, err := tree.workdirOf(dir, "/none")
		if err != nil {
			return
		}
		outer := t.TempDir()
		if err := work.unpack(img, filepath.Join(outer, "w")); err != nil {
			return
		}
		if list, err := os.ReadDir(outer); err != nil || len(list) != 1 {
			t.Errorf("beside the folder: %v %v", list, err)
		}
		for name := range contentsOf(t, filepath.Join(outer, "w")) {
			at, err := filepath.EvalSymlinks(filepath.Join(outer, "w", name))
			if err == nil && !inside(filepath.Join(outer, "w"), at) {
				t.Errorf("%s leads to %s", name, at)
			}
		}
	})
}
