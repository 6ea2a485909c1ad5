package gateway

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/openfaas/faas-provider/types"

	"fnstore/kit/fault"
	"fnstore/kit/wire"
)

// Labels of OpenFaaS that bound how far an alert scales a function, and what
// they are when a function does not say: percent for the factor, else replicas.
const (
	labelMin, defaultMin       = "com.openfaas.scale.min", 1
	labelMax, defaultMax       = "com.openfaas.scale.max", 20
	labelFactor, defaultFactor = "com.openfaas.scale.factor", 20
)

// scale sets the replicas of a function. None is a number of replicas as well:
// the next call starts one.
func (g *Gateway) scale(w http.ResponseWriter, r *http.Request) error {
	name, _, err := target(r.PathValue("name"))
	if err != nil {
		return err
	}
	var s struct {
		ServiceName string  `json:"serviceName"`
		Namespace   string  `json:"namespace"`
		Replicas    *uint16 `json:"replicas"`
	}
	if err := read(w, r, &s); err != nil {
		return err
	}
	if err := checkNamespace(s.Namespace); err != nil {
		return err
	}
	if s.ServiceName != "" && s.ServiceName != name {
		return fault.New(fault.Invalid, "bad_request", "the path names %s and the body %s", name, s.ServiceName)
	}
	if s.Replicas == nil {
		return fault.New(fault.Invalid, "bad_request", "replicas is required")
	}
	return accepted(w, g.cfg.Provider.Scale(r.Context(), name, int(*s.Replicas)))
}

// alerts is what Alertmanager's webhook sends, as far as it counts here.
type alerts struct {
	Alerts []struct {
		Status string `json:"status"`
		Labels struct {
			Function string `json:"function_name"`
		} `json:"labels"`
	} `json:"alerts"`
}

// alert scales a function up by a step while an alert fires for it, and back
// to its least when it does no more. Every alert is tried, whatever became of
// the one before.
func (g *Gateway) alert(w http.ResponseWriter, r *http.Request) error {
	body, err := wire.Body(w, r, maxRequest)
	if err != nil {
		return err
	}
	var in alerts
	if json.Unmarshal(body, &in) != nil || in.Alerts == nil {
		return fault.New(fault.Invalid, "bad_alert", "Unable to parse alert, bad format.")
	}
	var failed []error
	for _, a := range in.Alerts {
		name, _, err := target(a.Labels.Function)
		if err == nil {
			err = g.step(r, name, a.Status == "firing")
		}
		if err != nil {
			failed = append(failed, err)
		}
	}
	if err := errors.Join(failed...); err != nil {
		return err
	}
	w.WriteHeader(http.StatusOK)
	return nil
}

func (g *Gateway) step(r *http.Request, name string, firing bool) error {
	s, err := g.cfg.Provider.Get(r.Context(), name)
	if err != nil {
		return err
	}
	if n := replicas(s, firing); n != int(s.Replicas) {
		return g.cfg.Provider.Scale(r.Context(), name, n)
	}
	return nil
}

// replicas is how many the function shall have after an alert.
func replicas(s types.FunctionStatus, firing bool) int {
	least := label(s, labelMin, defaultMin)
	most := max(label(s, labelMax, defaultMax), least)
	if !firing {
		return least
	}
	percent := min(label(s, labelFactor, defaultFactor), 100)
	step := (most*percent + 99) / 100
	return max(min(int(s.Replicas)+step, most), least)
}

// label reads a number; one that is none counts as not said.
func label(s types.FunctionStatus, key string, otherwise int) int {
	if s.Labels == nil {
		return otherwise
	}
	n, err := strconv.ParseUint(strings.TrimSpace((*s.Labels)[key]), 10, 16)
	if err != nil {
		return otherwise
	}
	return int(n)
}
