package launch

import "os"

// Limits that hold for every process, whatever it is.
const (
	MaxFiles    = 8192    // open descriptors
	MaxTasks    = 512     // processes and threads
	MaxFileSize = 1 << 30 // bytes of one file that it writes
)

// MountAt is where functions of OpenFaaS look for their secrets.
const MountAt = "/var/openfaas/secrets"

// Spec says what to run behind which walls.
type Spec struct {
	Path   string     // of the program
	Args   []string   // its argv, name included
	Env    []string   // all of it
	Dir    string     // that it starts in
	UID    int        // user and group to become; 0 stays who it is
	Groups []*os.File // that put who writes a 0 into a control group
	// Cgroup is the folder of a version 2 control group that it is made in.
	Cgroup *os.File
	// CountTasks bounds processes and threads by the kernel's count of the user's.
	// That is worth something only for a user of its own, and less than a group.
	CountTasks bool
	// Rules are what it may read and write; nil restricts nothing.
	Rules *Rules
	// Mount is a folder that the program, and nobody else, sees at MountAt, which
	// exists. It takes the right to mount; empty is none.
	Mount string
}
