package ui

import (
	"bytes"
	"cmp"
	"context"
	"net/http"
	"slices"

	"fnstore/kit/wire"
)

// function is one row of the page.
type function struct {
	Name     string `json:"name"`
	Image    string `json:"image"`
	State    string `json:"state"` // ready, starting, asleep
	Ready    uint64 `json:"ready"`
	Replicas uint64 `json:"replicas"`
	Calls    uint64 `json:"calls"` // since the gateway started
	Queue    string `json:"queue"` // "" while messages flow, else open or paused
}

func (p *pages) list(ctx context.Context) ([]function, error) {
	found, err := p.Functions(ctx)
	if err != nil {
		return nil, err
	}
	list := make([]function, len(found))
	for i, f := range found {
		list[i] = function{
			Name: f.Name, Image: f.Image, State: "ready",
			Ready: f.AvailableReplicas, Replicas: f.Replicas, Calls: uint64(max(f.InvocationCount, 0)),
		}
		switch {
		case f.Replicas == 0 && f.AvailableReplicas == 0:
			list[i].State = "asleep"
		case f.AvailableReplicas == 0:
			list[i].State = "starting"
		}
	}
	if p.Queues != nil {
		states, err := p.Queues(ctx)
		if err != nil {
			return nil, err
		}
		for i := range list {
			list[i].Queue = states[list[i].Name]
		}
	}
	slices.SortFunc(list, func(a, b function) int { return cmp.Compare(a.Name, b.Name) })
	return list, nil
}

func (p *pages) functions(w http.ResponseWriter, r *http.Request) error {
	list, err := p.list(r.Context())
	if err != nil {
		return err
	}
	return wire.JSON(w, http.StatusOK, map[string]any{"functions": list})
}

// page is the whole page with the functions as they are now: it says something
// before its scripts have run.
func (p *pages) page(w http.ResponseWriter, r *http.Request) error {
	list, err := p.list(r.Context())
	if err != nil {
		return err
	}
	var buf bytes.Buffer
	err = p.assets.page.Execute(&buf, map[string]any{
		"Functions": list, "Queue": p.Queue != nil, "Events": p.Events != nil, "Traces": p.Traces != nil, "None": function{State: "asleep"}, "Methods": methods, "Version": p.Version,
		"Uploads": p.Uploads, "Thumbnails": p.Thumbnails,
		"MaxPhoto": maxPhotoBytes, "MaxPhotoMiB": maxPhotoBytes >> 20, "MaxCall": maxCallBytes,
	})
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = w.Write(buf.Bytes()) // the browser may be gone
	return nil
}
