package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/openfaas/faas-provider/types"

	"fnstore/connectors/hook"
	"fnstore/connectors/minio"
	"fnstore/kit/caller"
	"fnstore/runtime/delivery"
	"fnstore/runtime/eventapi"
	"fnstore/runtime/secrets"
)

// minioToken is the secret that proves a notification of the S3 store.
const minioToken = "minio-token"

// openS3 opens the S3 store that is not ours and the port for its notifications.
func (c *connectors) openS3(s *settings, vault *secrets.Store) (err error) {
	if c.s3, err = minio.OpenStore(s.S3URL); err != nil {
		return fmt.Errorf("FNSTORE_S3_URL: %w", err)
	}
	if _, err := vault.Ensure(minioToken); err != nil {
		return err
	}
	c.s3Token = func() (string, error) { b, err := vault.Read(minioToken); return strings.TrimSpace(string(b)), err }
	c.every = s.Reconcile
	c.s3Listen, err = listen(s.IntakePort)
	return err
}

type eventsCmd struct {
	Run   eventsRunCmd   `cmd:"" default:"withargs" help:"Run connectors and delivery alone, beside a gateway that is not this store's (faasd, Kubernetes)."`
	Graph eventsGraphCmd `cmd:"" help:"Show which event calls which function."`
}

type eventsRunCmd struct {
	Gateway      string        `required:"" env:"FNSTORE_GATEWAY_URL" help:"Base URL of the gateway whose functions are called." placeholder:"URL"`
	PasswordFile string        `name:"password-file" env:"FNSTORE_GATEWAY_PASSWORD_FILE" help:"File with the gateway's password of the user admin." placeholder:"FILE"`
	Wait         time.Duration `help:"How long the database and the gateway may take to answer at the start." placeholder:"DURATION"`
}

// started calls ready until it succeeds, for as long as the command waits.
func (cmd eventsRunCmd) started(ctx context.Context, ready func() error) error {
	for end := time.Now().Add(cmd.Wait); ; {
		err := ready()
		if err == nil || !time.Now().Before(end) {
			return err
		}
		slog.Info("not ready yet", "cause", err)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Second):
		}
	}
}

// refreshInterval is how often the list of functions is asked for.
const refreshInterval = 5 * time.Second

// Run carries messages of the database that FNSTORE_POSTGRES_URL names, which
// this command migrates first. Any number of it may run.
func (cmd eventsRunCmd) Run(ctx context.Context, s *settings) error {
	if s.Postgres == "" {
		return errors.New("FNSTORE_POSTGRES_URL names no database, and the queue lives in one")
	}
	if _, err := s.openState(); err != nil {
		return err
	}
	vault, err := secrets.Open(s.path("secrets"))
	if err != nil {
		return err
	}
	if _, err := vault.Ensure(caller.Secret); err != nil {
		return err
	}
	if err := cmd.started(ctx, func() error { _, err := migrateStore(ctx, s.Postgres); return err }); err != nil {
		return err
	}
	pool, err := pgxpool.New(ctx, s.Postgres)
	if err != nil {
		return err
	}
	defer pool.Close()
	known := &remoteFunctions{base: strings.TrimRight(cmd.Gateway, "/"), passwordFile: cmd.PasswordFile}
	if err := cmd.started(ctx, func() error { _, err := known.list(ctx); return err }); err != nil {
		return err // at the start somebody is there to read it
	}
	c := &connectors{pool: pool, functions: known.hook, metrics: &hook.Metrics{}}
	if s.S3URL != "" {
		if err := c.openS3(s, vault); err != nil {
			return err
		}
	}
	d, err := delivery.Open(ctx, delivery.Config{
		Postgres: s.Postgres, Gateway: known.base, Functions: known.delivery,
		EventKey: func() (string, error) { b, err := vault.Read(caller.Secret); return string(b), err },
	})
	if err != nil {
		return err
	}
	stop := c.start()
	slog.Info("events are read and messages delivered", "gateway", known.base)
	d.Run(ctx) // until ctx ends, and what is under way
	stop()
	return nil
}

type eventsGraphCmd struct {
	Format string `default:"text" enum:"text,mermaid,json" help:"${enum}."`
}

// Run prints the picture of the running store's events.
func (cmd eventsGraphCmd) Run(ctx context.Context, s *settings, out io.Writer) error {
	c, err := newClient(s)
	if err != nil {
		return err
	}
	var edges []eventapi.Edge
	if err := c.get(ctx, "/system/events", nil, &edges); err != nil {
		return err
	}
	switch cmd.Format {
	case "json":
		enc := json.NewEncoder(out)
		enc.SetIndent("", "  ")
		return enc.Encode(edges)
	case "mermaid":
		_, err := io.WriteString(out, eventapi.Mermaid(edges))
		return err
	}
	for _, e := range edges {
		what := ""
		if e.What != "" {
			what = "  (" + e.What + ")"
		}
		if _, err := fmt.Fprintf(out, "%s → %s%s\n", e.From, e.To, what); err != nil {
			return err
		}
	}
	return nil
}

// gatewayPasswordOf reads the password of another gateway; "" without a file.
func gatewayPasswordOf(file string) (string, error) {
	if file == "" {
		return "", nil
	}
	b, err := os.ReadFile(filepath.Clean(file))
	if err != nil {
		return "", fmt.Errorf("read the gateway's password: %w", err)
	}
	return strings.TrimSpace(string(b)), nil
}

// ask lists the functions of a gateway.
func ask(ctx context.Context, base, passwordFile string) ([]types.FunctionStatus, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	password, err := gatewayPasswordOf(passwordFile)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/system/functions", nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("User-Agent", "fnstore-events/"+version)
	if password != "" {
		req.SetBasicAuth(adminUser, password)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask the gateway for its functions: %w", err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("ask the gateway for its functions: it answers %s", res.Status)
	}
	var list []types.FunctionStatus
	if err := json.NewDecoder(io.LimitReader(res.Body, 64<<20)).Decode(&list); err != nil {
		return nil, fmt.Errorf("ask the gateway for its functions: %w", err)
	}
	return list, nil
}
