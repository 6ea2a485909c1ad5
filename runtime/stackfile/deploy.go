package stackfile

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/openfaas/faas-provider/types"
)

// Deployment is the request that faas-cli deploy would send for the function:
// the image with a tag, labels and annotations never nil, and the template's
// fprocess when the function names none. Templates are looked for below root;
// a missing one is an error, as it is there. Nothing in it is shared with f.
func (f *Function) Deployment(root string) (types.FunctionDeployment, error) {
	process := f.Fprocess
	if process == "" && f.Lang != "" && strings.ToLower(f.Lang) != dockerfile {
		t, err := ReadTemplate(root, f.Lang)
		if err != nil {
			return types.FunctionDeployment{}, fmt.Errorf("deploy %s: %w", f.Name, err)
		}
		process = t.Fprocess
	}
	labels, annotations := clone(f.Labels), clone(f.Annotations)
	return types.FunctionDeployment{
		Service:                f.Name,
		Image:                  Tagged(f.Image),
		Namespace:              f.Namespace,
		EnvProcess:             process,
		EnvVars:                maps.Clone(f.Environment),
		Constraints:            slices.Clone(f.Constraints),
		Secrets:                slices.Clone(f.Secrets),
		Labels:                 &labels,
		Annotations:            &annotations,
		Limits:                 f.Limits.provider(),
		Requests:               f.Requests.provider(),
		ReadOnlyRootFilesystem: f.ReadOnlyRootFilesystem,
	}, nil
}

// Tagged adds :latest to an image without a tag or digest. A colon before the
// last slash belongs to a port.
func Tagged(image string) string {
	if strings.Contains(image[strings.LastIndex(image, "/")+1:], ":") {
		return image
	}
	return image + ":latest"
}

func (r *Resources) provider() *types.FunctionResources {
	if r == nil {
		return nil
	}
	return &types.FunctionResources{Memory: r.Memory, CPU: r.CPU}
}

func clone(m map[string]string) map[string]string {
	if m == nil {
		return map[string]string{}
	}
	return maps.Clone(m)
}
