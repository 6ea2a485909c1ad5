package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/openfaas/faas-provider/types"

	"fnstore/kit/caller"
	"fnstore/kit/queue"
	"fnstore/kit/wire"
)

type listCmd struct {
	JSON bool `short:"j" name:"json" help:"Print the gateway's JSON."`
}

func (cmd listCmd) Run(ctx context.Context, s *settings, out io.Writer) error {
	c, err := newClient(s)
	if err != nil {
		return err
	}
	var list []types.FunctionStatus
	if err := c.get(ctx, "/system/functions", nil, &list); err != nil {
		return err
	}
	if cmd.JSON {
		enc := json.NewEncoder(out)
		enc.SetIndent("", "  ")
		return enc.Encode(list)
	}
	t := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	numbers, err := c.queueNumbers(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintln(t, "FUNCTION\tREADY\tCALLS\tQUEUE\tIMAGE")
	for _, f := range list {
		q := numbers[f.Name]
		state := strconv.FormatInt(q.Waiting+q.InFlight, 10)
		if q.State() != "" {
			state = join(state, q.State())
		}
		fmt.Fprintf(t, "%s\t%d/%d\t%.0f\t%s\t%s\n", f.Name, f.AvailableReplicas, f.Replicas, f.InvocationCount, state, f.Image)
	}
	return t.Flush()
}

type invokeCmd struct {
	Function    string   `arg:"" help:"Its name."`
	Method      string   `short:"m" default:"POST" enum:"GET,POST,PUT,PATCH,DELETE,HEAD,OPTIONS" help:"HTTP method."`
	Path        string   `short:"p" default:"/" help:"Path the function sees."`
	Query       []string `short:"q" help:"NAME=VALUE; may be repeated." placeholder:"NAME=VALUE"`
	ContentType string   `name:"content-type" default:"text/plain" help:"Type of the body."`
	Unsigned    bool     `help:"Call as anybody may: without the signature of the event plane."`
}

// maxBody bounds what invoke reads from standard input, as the gateway does.
const maxBody = 64 << 20

// Run calls the function as the store's operator: the call is signed, so
// functions that take calls of the event plane only take it too.
func (cmd invokeCmd) Run(ctx context.Context, s *settings, in io.Reader, out io.Writer) error {
	c, err := newClient(s)
	if err == nil && !cmd.Unsigned { // the signing key must be that store's
		c, _, err = newLocalClient(s)
	}
	if err != nil {
		return err
	}
	body, err := readBody(in)
	if err != nil {
		return err
	}
	query := url.Values{}
	for _, q := range cmd.Query {
		k, v, err := pair(q)
		if err != nil {
			return err
		}
		query.Add(k, v)
	}
	target := (&url.URL{Path: cmd.Path, RawQuery: query.Encode()}).RequestURI()
	header := http.Header{"Content-Type": {cmd.ContentType}}
	header.Set(wire.CallID, queue.CallID())
	if !cmd.Unsigned {
		key, err := os.ReadFile(s.path("secrets", caller.Secret))
		if err != nil {
			return fmt.Errorf("sign the call (--unsigned calls without): %w", err)
		}
		caller.Sign(header, string(bytes.TrimSpace(key)), cmd.Method, target, body, time.Now())
	}
	res, err := c.do(ctx, cmd.Method, "/function/"+cmd.Function+target, bytes.NewReader(body), header)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	_, err = io.Copy(out, res.Body)
	return err
}

// readBody reads what is piped in. A terminal gives nothing: nobody would know
// that the command waits for input.
func readBody(in io.Reader) ([]byte, error) {
	if f, ok := in.(*os.File); ok {
		if info, err := f.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
			return nil, nil
		}
	}
	body, err := io.ReadAll(io.LimitReader(in, maxBody+1))
	if err == nil && len(body) > maxBody {
		err = fmt.Errorf("the body is longer than %d bytes", maxBody)
	}
	return body, err
}

func pair(s string) (k, v string, err error) {
	for i := range s {
		if s[i] == '=' && i > 0 {
			return s[:i], s[i+1:], nil
		}
	}
	return "", "", fmt.Errorf("%q is not NAME=VALUE", s)
}
