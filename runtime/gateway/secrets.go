package gateway

import (
	"net/http"

	"github.com/openfaas/faas-provider/types"

	"fnstore/kit/wire"
)

func (g *Gateway) listSecrets(w http.ResponseWriter, r *http.Request) error {
	if err := checkNamespace(r.URL.Query().Get("namespace")); err != nil {
		return err
	}
	names, err := g.cfg.Secrets.List()
	if err != nil {
		return err
	}
	list := make([]types.Secret, len(names))
	for i, n := range names {
		list[i] = types.Secret{Name: n, Namespace: Namespace}
	}
	return wire.JSON(w, http.StatusOK, list)
}

// readSecret gives the request's secret and its value: rawValue, when it is
// there, wins over value.
func readSecret(w http.ResponseWriter, r *http.Request) (name string, value []byte, err error) {
	var s types.Secret
	if err := read(w, r, &s); err != nil {
		return "", nil, err
	}
	if err := checkNamespace(s.Namespace); err != nil {
		return "", nil, err
	}
	if len(s.RawValue) > 0 {
		return s.Name, s.RawValue, nil
	}
	return s.Name, []byte(s.Value), nil
}

func (g *Gateway) createSecret(w http.ResponseWriter, r *http.Request) error {
	name, value, err := readSecret(w, r)
	if err != nil {
		return err
	}
	return accepted(w, g.cfg.Secrets.Create(name, value))
}

func (g *Gateway) updateSecret(w http.ResponseWriter, r *http.Request) error {
	name, value, err := readSecret(w, r)
	if err != nil {
		return err
	}
	return accepted(w, g.cfg.Secrets.Update(name, value))
}

func (g *Gateway) deleteSecret(w http.ResponseWriter, r *http.Request) error {
	name, _, err := readSecret(w, r)
	if err != nil {
		return err
	}
	return accepted(w, g.cfg.Secrets.Delete(name))
}

func accepted(w http.ResponseWriter, err error) error {
	if err == nil {
		w.WriteHeader(http.StatusAccepted)
	}
	return err
}
