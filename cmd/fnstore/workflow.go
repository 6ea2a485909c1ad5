package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"text/tabwriter"

	"fnstore/kit/flow"
	"fnstore/kit/flow/definition"
	"fnstore/kit/flow/drawing"
	"fnstore/kit/flow/jsonata"
	"fnstore/kit/flow/local"
	jsonvalue "fnstore/kit/flow/value"
)

type workflowCmd struct {
	Validate workflowValidateCmd `cmd:"" help:"Check a definition in the Amazon States Language."`
	Run      workflowRunCmd      `cmd:"" help:"Run a definition with canned task results."`
	Test     workflowTestCmd     `cmd:"" help:"Run one state, named by --state, of a definition with canned task results."`
	Draw     workflowDrawCmd     `cmd:"" help:"Draw a definition as a graph."`
}

// workflow reads a definition and prints what is wrong with it.
func workflow(file string, out io.Writer, warnings bool) (*definition.Machine, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	m, issues := definition.Parse(text, jsonata.Language{})
	for _, i := range issues {
		if warnings || !i.Warning {
			fmt.Fprintf(out, "%s:%s\n", file, i)
		}
	}
	if m == nil {
		return nil, errQuiet
	}
	return m, nil
}

type workflowValidateCmd struct {
	File      string `arg:"" help:"The definition, as JSON."`
	Functions bool   `help:"Refuse Tasks whose function is not in the stack file."`
}

func (cmd workflowValidateCmd) Run(s *settings, out io.Writer) error {
	m, err := workflow(cmd.File, out, true)
	if err != nil {
		return err
	}
	if cmd.Functions {
		file, err := s.stackFile("")
		if err != nil {
			return err
		}
		var names []string
		for _, fn := range file.Functions {
			names = append(names, fn.Name)
		}
		if unknown := definition.Known(m, names); len(unknown) > 0 {
			for _, i := range unknown {
				fmt.Fprintf(out, "%s:%s\n", cmd.File, i)
			}
			return errQuiet
		}
	}
	_, err = fmt.Fprintf(out, "%s is valid\n", cmd.File)
	return err
}

type workflowRunCmd struct {
	Local bool   `required:"" help:"Run it here, without a store: no function is called."`
	File  string `arg:"" help:"The definition, as JSON."`
	Input string `default:"{}" help:"The input, as JSON."`
	Mocks string `placeholder:"FILE" help:"Canned task results: {\"State\": [{\"Return\": …}, {\"Throw\": {\"Error\": …, \"Cause\": …}}]}; the last is repeated."`
}

func (cmd workflowRunCmd) Run(out io.Writer) error {
	m, err := workflow(cmd.File, out, false)
	if err != nil {
		return err
	}
	return runLocal(m, cmd.Input, cmd.Mocks, out)
}

// workflowTestCmd takes the state's name from --state, which is the store's
// folder for other commands: this one needs no store.
type workflowTestCmd struct {
	File  string `arg:"" help:"The definition, as JSON."`
	Input string `default:"{}" help:"The state's input, as JSON."`
	Mocks string `placeholder:"FILE" help:"Canned task results, as for run."`
}

func (cmd workflowTestCmd) Run(s *settings, out io.Writer) error {
	m, err := workflow(cmd.File, out, false)
	if err != nil {
		return err
	}
	alone, err := m.Alone(s.State)
	if err != nil {
		return fmt.Errorf("--state: %w", err)
	}
	return runLocal(alone, cmd.Input, cmd.Mocks, out)
}

// runLocal runs a machine and prints its history and its end.
func runLocal(m *definition.Machine, input, mocksFile string, out io.Writer) error {
	v, err := jsonvalue.Decode([]byte(input))
	if err != nil {
		return fmt.Errorf("the input: %w", err)
	}
	var canned any
	if mocksFile != "" {
		text, err := os.ReadFile(mocksFile)
		if err != nil {
			return err
		}
		if canned, err = jsonvalue.Decode(text); err != nil {
			return fmt.Errorf("%s: %w", mocksFile, err)
		}
	}
	mocks, err := local.ParseMocks(canned)
	if err != nil {
		return err
	}
	res, err := local.Run{Machine: m, Input: v, Answer: mocks.Answers()}.Do()
	if err != nil {
		return err
	}
	t := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	for _, h := range res.History {
		fmt.Fprintf(t, "%d\t%s\t%s\t%s\n", h.ID, h.Time.Sub(local.Epoch), h.Type, h.Details.String("name"))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	x := res.Execution
	if x.Status != flow.Succeeded {
		return errors.New(string(x.Status) + " " + x.Error + ": " + x.Cause)
	}
	_, err = fmt.Fprintf(out, "%s %s\n", x.Status, jsonvalue.Text(x.Output.Any))
	return err
}

type workflowDrawCmd struct {
	File   string `arg:"" help:"The definition, as JSON."`
	Format string `enum:"mermaid,svg" default:"mermaid" help:"mermaid or svg."`
}

func (cmd workflowDrawCmd) Run(out io.Writer) error {
	m, err := workflow(cmd.File, out, false)
	if err != nil {
		return err
	}
	text := drawing.Mermaid(m)
	if cmd.Format == "svg" {
		text = drawing.SVG(m)
	}
	_, err = io.WriteString(out, text)
	return err
}
