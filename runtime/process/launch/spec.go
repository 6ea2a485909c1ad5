package launch

import "fnstore/runtime/process/cgroup"

// MaxTasks is how many processes and threads a program may have.
const MaxTasks = 512

// MountAt is where functions of OpenFaaS look for their secrets.
const MountAt = "/var/openfaas/secrets"

// Spec is a program and the sandbox that it runs in.
type Spec struct {
	Path string   // of the program
	Args []string // its argv, name included
	Env  []string // all of it
	Dir  string   // that it starts in
	UID  int      // user and group to become; 0 stays who it is
	// Run, Read and Write are files and folders that it may read and run, read, or
	// read and write, beside those of the system; the program is one of Run. They
	// bound it where the kernel has Landlock.
	Run, Read, Write []string
	// Mount is a folder that the program, and nobody else, sees at MountAt, which
	// exists. It takes the right to mount; empty is none.
	Mount string
	// Group is the control group that it starts in.
	Group *cgroup.Entry
	// LimitTasks limits processes and threads to MaxTasks by the kernel's count of
	// the user's. That takes a user of its own, and is worth less than a group.
	LimitTasks bool
}
