// Command fnstore is the store in one binary: the gateway, the functions'
// processes, the queue's delivery, an object store, a registry, and the
// commands to use them.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"
)

// version and commit are set by the linker (see the Makefile).
var (
	version = "dev"
	commit  = "unknown"
)

// commands is the command line, as kong reads it.
type commands struct {
	settings

	Up        upCmd        `cmd:"" help:"Run the store: build and deploy every function of the stack file, then serve until Ctrl-C."`
	Down      downCmd      `cmd:"" help:"Stop the store and its services."`
	Build     buildCmd     `cmd:"" help:"Build the functions' images and put them into the store's registry."`
	Deploy    deployCmd    `cmd:"" help:"Build functions of the stack file and deploy them to the store that runs."`
	Migrate   migrateCmd   `cmd:"" help:"Bring the database up to date and make the functions' roles and secrets."`
	List      listCmd      `cmd:"" help:"List the functions."`
	Describe  describeCmd  `cmd:"" help:"Show what a function is and how it does."`
	New       newCmd       `cmd:"" help:"Make a function: its folder and its entry in the stack file."`
	Dev       devCmd       `cmd:"" help:"Work on a function: each save is compiled and served within a second."`
	Invoke    invokeCmd    `cmd:"" help:"Call a function; the body comes from standard input."`
	Logs      logsCmd      `cmd:"" help:"Show what a function wrote."`
	Secret    secretCmd    `cmd:"" help:"Manage secrets, which functions read as files."`
	Rollback  rollbackCmd  `cmd:"" help:"Bring a function's former version back."`
	Remove    removeCmd    `cmd:"" help:"Remove functions."`
	Store     storeCmd     `cmd:"" help:"Print the store manifest of the stack file's functions, for faas-cli store --url."`
	Registry  registryCmd  `cmd:"" help:"Serve the store's registry alone, until Ctrl-C."`
	Dlq       dlqCmd       `cmd:"" help:"Look at dead letters, messages that were given up; send them again or delete them."`
	Pause     pauseCmd     `cmd:"" help:"Stop delivering a function's messages; they wait."`
	Resume    resumeCmd    `cmd:"" help:"Deliver a paused function's messages again."`
	S3        s3Cmd        `cmd:"" name:"s3" help:"Put, get and list objects."`
	Schedules schedulesCmd `cmd:"" help:"List, run, pause and resume the functions' schedules."`
	Publish   publishCmd   `cmd:"" help:"Publish to a topic; the body comes from standard input."`
	Trace     traceCmd     `cmd:"" help:"Show the journey of a call, or which calls were slow or failed lately."`
	Status    statusCmd    `cmd:"" help:"Say what runs, where it is and how the functions do; end with 1 when something is down."`
	Events    eventsCmd    `cmd:"" help:"Connectors and delivery alone; the picture of events."`
	Doctor    doctorCmd    `cmd:"" help:"Say what a platform refuses or ignores of the stack file, and what to do."`
	StackFile stackCmd     `cmd:"" name:"stack" help:"Print a smaller stack file, with the functions of a profile."`
	Workflow  workflowCmd  `cmd:"" help:"Check, draw and try out workflows in the Amazon States Language."`
	Version   versionCmd   `cmd:"" help:"Print the version."`
}

type versionCmd struct{}

func (versionCmd) Run(out io.Writer) error {
	_, err := fmt.Fprintf(out, "fnstore %s (%s)\n", version, commit)
	return err
}

// errQuiet ends the program with status 1 and without a word: everything was
// said already.
var errQuiet = errors.New("")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdin, os.Stdout); err != nil {
		if !errors.Is(err, errQuiet) {
			fmt.Fprintln(os.Stderr, "fnstore:", err)
		}
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, in io.Reader, out io.Writer) error {
	var c commands
	parser, err := kong.New(&c,
		kong.Name("fnstore"),
		kong.Description("A self-hosted function store for OpenFaaS."),
		kong.UsageOnError(),
		kong.Writers(out, os.Stderr),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.BindTo(in, (*io.Reader)(nil)),
		kong.BindTo(out, (*io.Writer)(nil)),
	)
	if err != nil {
		return err
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	k, err := parser.Parse(args)
	if err != nil {
		return err
	}
	given := map[string]bool{}
	for _, part := range k.Path {
		if part.Flag != nil {
			given[part.Flag.Name] = true
		}
	}
	c.stateFlag = given["state"]
	if !given["stack"] {
		c.findStack()
	}
	return k.Run(&c.settings)
}
