package provider

import (
	"github.com/openfaas/faas-provider/types"

	"fnstore/kit/fault"
)

// Limits is what one replica may use at most; 0 is no limit.
type Limits struct {
	Memory int64 // bytes
	CPU    int64 // thousandths of a processor
}

// limitsOf reads the deployment's limits.
func limitsOf(d types.FunctionDeployment) (l Limits, err error) {
	if d.Limits == nil {
		return l, nil
	}
	if s := d.Limits.Memory; s != "" {
		if l.Memory, err = quantity(s, 1); err != nil {
			return l, fault.New(fault.Invalid, "bad_limits", "validation failed: limits.memory: %s", err)
		}
		if l.Memory < 1<<20 {
			return l, fault.New(fault.Invalid, "bad_limits", "validation failed: limits.memory: %q is %d bytes; a mebibyte is 1Mi", s, l.Memory)
		}
	}
	if s := d.Limits.CPU; s != "" {
		if l.CPU, err = quantity(s, 1000); err != nil || l.CPU == 0 {
			return l, fault.New(fault.Invalid, "bad_limits", "validation failed: limits.cpu: %q is not an amount such as 500m", s)
		}
	}
	return l, nil
}
