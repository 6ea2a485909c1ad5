package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"
	"slices"
	"strings"

	"fnstore/runtime/targets"
)

type doctorCmd struct {
	Target   string `enum:"runtime,docker,faasd" default:"runtime" help:"Where the stack file is to go (${enum})."`
	Platform string `help:"Platform of that machine; this one's without it." placeholder:"OS/ARCH"`
	Secrets  string `help:"Folder with a file for each secret that exists there, such as .secrets of faas-cli; without it the store's own, if there is one." placeholder:"DIR"`
	Strict   bool   `help:"End with status 1 for what is ignored or differs, too."`
	Format   string `enum:"text,json" default:"text" help:"${enum}."`
}

// Run prints what the target makes of the stack file, and ends with status 1
// when it refuses something.
func (cmd doctorCmd) Run(s *settings, out io.Writer) error {
	file, err := s.stackFile("")
	if err != nil {
		return err
	}
	in := targets.Input{File: file, Platform: cmd.Platform, GatewayPort: s.GatewayPort}
	if in.Platform == "" {
		in.Platform = "linux/" + runtime.GOARCH
	}
	if in.Secrets, err = cmd.secrets(s); err != nil {
		return err
	}
	list := targets.Check(targets.Target(cmd.Target), in)
	if err := cmd.print(out, list); err != nil {
		return err
	}
	for _, f := range list {
		if cmd.Strict || f.Effect == targets.Refused {
			return errQuiet
		}
	}
	return nil
}

// secrets are the names of those that exist, nil when nobody knows. The store
// makes some at its start.
func (cmd doctorCmd) secrets(s *settings) (map[string]bool, error) {
	dir, ours := cmd.Secrets, cmd.Target != string(targets.Faasd)
	if dir == "" && ours {
		dir = s.path("secrets")
	}
	if dir == "" {
		return nil, nil
	}
	there := map[string]bool{}
	if ours {
		for _, name := range append(slices.Clone(generated), tokenKeyPrevious, tokenKeySet) {
			there[name] = true
		}
	}
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) && cmd.Secrets == "" {
		return there, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the secrets' names: %w", err)
	}
	for _, e := range entries {
		there[e.Name()] = true
	}
	return there, nil
}

// maxShown is how many details of a finding are printed as text.
const maxShown = 20

func (cmd doctorCmd) print(out io.Writer, list []targets.Finding) error {
	if cmd.Format == "json" {
		if list == nil {
			list = []targets.Finding{}
		}
		enc := json.NewEncoder(out)
		enc.SetIndent("", "  ")
		enc.SetEscapeHTML(false)
		return enc.Encode(list)
	}
	var b strings.Builder
	plain := func(s string) string { return strings.ReplaceAll(s, "`", "") }
	for _, f := range list {
		fmt.Fprintf(&b, "%-8s %s: %s\n", f.Effect, plain(f.Rule), plain(f.Text))
		for i, d := range f.Details {
			if i == maxShown {
				fmt.Fprintf(&b, "         and %d more\n", len(f.Details)-i)
				break
			}
			fmt.Fprintf(&b, "         %s\n", d)
		}
		fmt.Fprintf(&b, "         → %s\n", plain(f.Fix))
	}
	if len(list) == 0 {
		b.WriteString("nothing is refused, ignored or different\n")
	}
	_, err := io.WriteString(out, b.String())
	return err
}
