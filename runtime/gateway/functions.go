package gateway

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/openfaas/faas-provider/types"

	"fnstore/kit/fault"
	"fnstore/kit/wire"
)

// maxRequest is the longest body of an operator's request, in bytes.
const maxRequest = 2 << 20

// read decodes an operator's request. Members that are not known are passed
// over: clients still send some that mean nothing any more, such as network.
func read(w http.ResponseWriter, r *http.Request, v any) error {
	body, err := wire.Body(w, r, maxRequest)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(body, v); err != nil {
		return fault.New(fault.Invalid, "bad_json", "failed to unmarshal request: %s", err)
	}
	return nil
}

func (g *Gateway) listFunctions(w http.ResponseWriter, r *http.Request) error {
	if err := checkNamespace(r.URL.Query().Get("namespace")); err != nil {
		return err
	}
	list, err := g.Functions(r.Context())
	if err != nil {
		return err
	}
	return wire.JSON(w, http.StatusOK, list)
}

// Functions lists every function with the count of its calls since the gateway
// started.
func (g *Gateway) Functions(ctx context.Context) ([]types.FunctionStatus, error) {
	list, err := g.cfg.Provider.List(ctx)
	if err != nil {
		return nil, err
	}
	for i := range list {
		list[i].InvocationCount = g.metrics.count(list[i].Name)
	}
	return list, nil
}

func (g *Gateway) getFunction(w http.ResponseWriter, r *http.Request) error {
	if err := checkNamespace(r.URL.Query().Get("namespace")); err != nil {
		return err
	}
	name, _, err := target(r.PathValue("name"))
	if err != nil {
		return err
	}
	s, err := g.cfg.Provider.Get(r.Context(), name)
	if err != nil {
		return err
	}
	s.InvocationCount = g.metrics.count(name)
	return wire.JSON(w, http.StatusOK, s)
}

// deploy answers 202: the function is written down and is being started.
func (g *Gateway) deploy(w http.ResponseWriter, r *http.Request) error {
	var d types.FunctionDeployment
	if err := read(w, r, &d); err != nil {
		return err
	}
	return g.apply(w, r, d)
}

// update is deploy for a function that must exist: clients send it first and
// deploy when they read 404.
func (g *Gateway) update(w http.ResponseWriter, r *http.Request) error {
	var d types.FunctionDeployment
	if err := read(w, r, &d); err != nil {
		return err
	}
	if _, err := g.cfg.Provider.Get(r.Context(), d.Service); err != nil {
		return err
	}
	return g.apply(w, r, d)
}

func (g *Gateway) apply(w http.ResponseWriter, r *http.Request, d types.FunctionDeployment) error {
	if err := checkNamespace(d.Namespace); err != nil {
		return err
	}
	if err := g.cfg.Provider.Deploy(r.Context(), d); err != nil {
		return err
	}
	w.WriteHeader(http.StatusAccepted)
	return nil
}

func (g *Gateway) remove(w http.ResponseWriter, r *http.Request) error {
	var d types.DeleteFunctionRequest
	if err := read(w, r, &d); err != nil {
		return err
	}
	if d.FunctionName == "" {
		return fault.New(fault.Invalid, "bad_request", "functionName is required")
	}
	if err := checkNamespace(d.Namespace); err != nil {
		return err
	}
	if err := g.cfg.Provider.Delete(r.Context(), d.FunctionName); err != nil {
		return err
	}
	g.metrics.forget(d.FunctionName)
	w.WriteHeader(http.StatusAccepted)
	return nil
}
