package actors

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/openfaas/faas-provider/types"
)

// patience bounds what the operator waits for, as a failure and not as a pace.
const patience = 2 * time.Minute

// System asks the operator's API and decodes the answer into v unless it is
// nil. Any status but 2xx is an error.
func (st *Stage) System(method, path string, body, v any) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, method, st.URL+path, bytes.NewReader(text))
	if err != nil {
		return err
	}
	req.SetBasicAuth(st.User, st.Password)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(res.Body, 4<<20))
	if err != nil {
		return err
	}
	if res.StatusCode/100 != 2 {
		return fmt.Errorf("%s %s: %s: %s", method, path, res.Status, answer)
	}
	if v == nil {
		return nil
	}
	return json.Unmarshal(answer, v)
}

// Function is a deployment of an image. The environment is NAME, value, ...
func Function(name, image string, env ...string) types.FunctionDeployment {
	d := types.FunctionDeployment{Service: name, Image: image, EnvVars: map[string]string{"exec_timeout": "30s"}}
	for i := 0; i+1 < len(env); i += 2 {
		d.EnvVars[env[i]] = env[i+1]
	}
	return d
}

// Annotate adds annotations, as NAME, value, ...
func Annotate(d types.FunctionDeployment, pairs ...string) types.FunctionDeployment {
	a := map[string]string{}
	for i := 0; i+1 < len(pairs); i += 2 {
		a[pairs[i]] = pairs[i+1]
	}
	d.Annotations = &a
	return d
}

// Deploy adds a function or replaces the one of its name. It does not wait.
func (st *Stage) Deploy(d types.FunctionDeployment) error {
	return st.System(http.MethodPost, "/system/functions", d, nil)
}

// Remove deletes a function.
func (st *Stage) Remove(name string) error {
	return st.System(http.MethodDelete, "/system/functions", types.DeleteFunctionRequest{FunctionName: name}, nil)
}

// Scale asks for so many processes. It does not wait.
func (st *Stage) Scale(name string, replicas int) error {
	return st.System(http.MethodPost, "/system/scale-function/"+name, map[string]int{"replicas": replicas}, nil)
}

// Await returns when so many processes of the function are ready, and there
// shall be no others.
func (st *Stage) Await(name string, ready int) error {
	var s types.FunctionStatus
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if err := st.System(http.MethodGet, "/system/function/"+name, nil, &s); err != nil {
			return err
		}
		if s.AvailableReplicas == uint64(ready) && s.Replicas == uint64(ready) {
			return nil
		}
	}
	return fmt.Errorf("%s has %d of %d processes and should have %d", name, s.AvailableReplicas, s.Replicas, ready)
}

// Say calls a function as anybody may and gives its answer. The call is a POST,
// so nobody on the way may send it twice (RFC 9110 section 9.2.2).
func (st *Stage) Say(path string) (status int, body string, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, st.URL+"/function/"+path, nil)
	if err != nil {
		return 0, "", err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	return res.StatusCode, string(b), err
}
