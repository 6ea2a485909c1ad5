// Command watchdog is an echo inside of-watchdog, in its in-process mode and
// with its own defaults: what the template golang-middleware-inproc makes. It
// is here to be measured, and serves nobody.
package main

import (
	"context"
	"io"
	"log"
	"net/http"
	"os"

	"github.com/openfaas/of-watchdog/config"
	"github.com/openfaas/of-watchdog/pkg"
)

func main() {
	settings, err := config.New(append(os.Environ(), "mode=inproc"))
	if err != nil {
		log.Fatal(err)
	}
	settings.OperationalMode = config.ModeInproc
	settings.SetHandler(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		_, _ = w.Write(body)
	})
	if err := pkg.NewWatchdog(settings).Start(context.Background()); err != nil {
		log.Fatal(err)
	}
}
