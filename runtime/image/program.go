package image

import (
	"debug/buildinfo"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
)

// maxProgram bounds a function's program, in bytes. Go programs with every
// library of this store have 30 MB.
const maxProgram = 512 << 20

// machines are Go's architectures as ELF files name them.
var machines = map[string]elf.Machine{
	"386": elf.EM_386, "amd64": elf.EM_X86_64, "arm": elf.EM_ARM, "arm64": elf.EM_AARCH64,
	"loong64": elf.EM_LOONGARCH, "ppc64le": elf.EM_PPC64, "riscv64": elf.EM_RISCV, "s390x": elf.EM_S390,
}

// checkProgram makes sure that path is a static Linux program for the
// architecture, one that needs no file beside it, and gives its size.
func checkProgram(path, arch string) (int64, error) {
	info, err := os.Stat(path)
	if err != nil {
		return 0, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxProgram {
		return 0, fmt.Errorf("not a file of at most %d bytes", maxProgram)
	}
	f, err := elf.Open(path)
	if err != nil {
		return 0, fmt.Errorf("not a Linux program (%w): %w", errShape(err), ErrNeedsDocker)
	}
	defer f.Close()
	if f.Type != elf.ET_EXEC && f.Type != elf.ET_DYN {
		return 0, fmt.Errorf("an ELF file of type %v is no program: %w", f.Type, ErrNeedsDocker)
	}
	if want := machines[arch]; f.Machine != want {
		return 0, fmt.Errorf("it is for %v, and this is %s (%v)", f.Machine, arch, want)
	}
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			return 0, fmt.Errorf("it is linked dynamically, so it needs libraries beside it: %w", ErrNeedsDocker)
		}
	}
	return info.Size(), nil
}

// entryFolder is where the templates' build.sh puts a function's main package.
const entryFolder = "_fnserver"

// isFunctionServer reports whether the templates' build.sh made the program.
func isFunctionServer(program string) bool {
	info, err := buildinfo.ReadFile(program)
	return err == nil && path.Base(info.Path) == entryFolder
}

// errShape shortens what debug/elf says of a file that is no ELF at all.
func errShape(err error) error {
	var format *elf.FormatError
	if errors.As(err, &format) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("no ELF file")
	}
	return err
}

// writeFile puts data under path so that a reader finds all of it or what was
// there before, also after a crash.
func writeFile(path string, data []byte, mode os.FileMode) error {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, ".new-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // fails when the rename went well
	_, err = f.Write(data)
	if err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	return syncDir(dir)
}

// syncDir makes renames in a folder last.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
