package gateway

import (
	"net/http"

	"github.com/openfaas/faas-provider/types"

	"fnstore/kit/fault"
	"fnstore/kit/wire"
)

// namespaces is never an empty list: connectors would find no function then.
func (g *Gateway) namespaces(w http.ResponseWriter, _ *http.Request) error {
	return wire.JSON(w, http.StatusOK, []string{Namespace})
}

func (g *Gateway) getNamespace(w http.ResponseWriter, r *http.Request) error {
	if name := r.PathValue("name"); name != Namespace {
		return noNamespace(name)
	}
	return wire.JSON(w, http.StatusOK, types.FunctionNamespace{
		Name: Namespace, Annotations: map[string]string{}, Labels: map[string]string{"openfaas": "1"},
	})
}

// createNamespace answers as a gateway of several would, up to the point where
// one would have to be made.
func (g *Gateway) createNamespace(w http.ResponseWriter, r *http.Request) error {
	ns, err := readNamespace(w, r)
	if err != nil {
		return err
	}
	if ns.Name == Namespace {
		return fault.New(fault.Conflict, "namespace_exists", "namespace %s exists", Namespace)
	}
	return onlyOne()
}

// changeNamespace is PUT and DELETE: the one there is keeps what it has.
func (g *Gateway) changeNamespace(w http.ResponseWriter, r *http.Request) error {
	ns, err := readNamespace(w, r)
	if err != nil {
		return err
	}
	switch name := r.PathValue("name"); {
	case name != ns.Name:
		return fault.New(fault.Invalid, "bad_request", "the path names %q and the body %q", name, ns.Name)
	case name != Namespace:
		return noNamespace(name)
	}
	return onlyOne()
}

func readNamespace(w http.ResponseWriter, r *http.Request) (ns types.FunctionNamespace, err error) {
	if err := read(w, r, &ns); err != nil {
		return ns, err
	}
	if ns.Labels["openfaas"] != "1" {
		return ns, fault.New(fault.Invalid, "bad_request", "request does not have openfaas=1 label")
	}
	return ns, nil
}

func noNamespace(name string) error {
	return fault.New(fault.NotFound, "namespace_not_found", "there is no namespace %q", name)
}

func onlyOne() error {
	return fault.New(fault.Unprocessable, "one_namespace", "the only namespace is %s; namespaces cannot be made, changed or removed", Namespace)
}

// checkNamespace accepts the default by name or by silence.
func checkNamespace(ns string) error {
	if ns != "" && ns != Namespace {
		return fault.New(fault.Invalid, "bad_namespace", "there is no namespace %q, only %s", ns, Namespace)
	}
	return nil
}
