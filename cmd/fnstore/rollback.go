package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"text/tabwriter"
	"time"

	"fnstore/kit/fault"
	"fnstore/kit/wire"
	"fnstore/runtime/gateway"
	"fnstore/runtime/provider"
)

type rollbackCmd struct {
	Function string `arg:"" help:"Its name."`
	To       string `help:"The version whose digest begins so; without it, the one before." placeholder:"DIGEST"`
	List     bool   `short:"l" help:"Only list the versions that are remembered."`
}

// formerVersion is a version as the gateway's routes give it.
type formerVersion struct {
	Image     string    `json:"image"`
	Digest    string    `json:"digest"`
	CreatedAt time.Time `json:"createdAt"`
	Current   bool      `json:"current"`
}

type rollbackRequest struct {
	FunctionName string `json:"functionName"`
	Digest       string `json:"digest,omitempty"`
}

// Run brings a former version back, with the settings it had. It rolls as any
// deployment does, so no call fails; a second rollback undoes the first.
func (cmd rollbackCmd) Run(ctx context.Context, s *settings, out io.Writer) error {
	c, err := newClient(s)
	if err != nil {
		return err
	}
	if !cmd.List {
		if err := c.send(ctx, http.MethodPost, "/system/rollback", rollbackRequest{cmd.Function, cmd.To}); err != nil {
			return fmt.Errorf("roll %s back: %w", cmd.Function, err)
		}
		if err := c.awaitReady(ctx, cmd.Function); err != nil {
			return err
		}
	}
	var list []formerVersion
	if err := c.get(ctx, "/system/versions/"+cmd.Function, nil, &list); err != nil {
		return err
	}
	t := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(t, "\tDIGEST\tDEPLOYED\tIMAGE")
	for _, v := range list {
		mark := ""
		if v.Current {
			mark = "*"
		}
		fmt.Fprintf(t, "%s\t%.19s\t%s\t%s\n", mark, v.Digest, v.CreatedAt.Local().Format("2006-01-02 15:04:05"), v.Image)
	}
	return t.Flush()
}

// versionRoutes are what an operator may ask of a function's past.
func versionRoutes(p *provider.Provider) []gateway.Route {
	return []gateway.Route{
		{Pattern: "GET /system/versions/{name}", Serve: func(w http.ResponseWriter, r *http.Request) error {
			past, err := p.Versions(r.Context(), r.PathValue("name"))
			if err != nil {
				return err
			}
			list := make([]formerVersion, len(past))
			for i, v := range past {
				list[i] = formerVersion(v)
			}
			return wire.JSON(w, http.StatusOK, list)
		}},
		{Pattern: "POST /system/rollback", Serve: func(w http.ResponseWriter, r *http.Request) error {
			body, err := wire.Body(w, r, 4<<10)
			if err != nil {
				return err
			}
			var q rollbackRequest
			if err := json.Unmarshal(body, &q); err != nil { // clients add members of their own
				return fault.New(fault.Invalid, "bad_json", "failed to unmarshal request: %s", err)
			}
			if q.FunctionName == "" {
				return fault.New(fault.Invalid, "bad_request", "functionName is required")
			}
			if d := strings.TrimPrefix(q.Digest, "sha256:"); strings.Trim(d, "0123456789abcdef") != "" {
				return fault.New(fault.Invalid, "bad_digest", "%q is not the beginning of a digest", q.Digest)
			}
			if err := p.Rollback(r.Context(), q.FunctionName, q.Digest); err != nil {
				return err
			}
			w.WriteHeader(http.StatusAccepted)
			return nil
		}},
	}
}
