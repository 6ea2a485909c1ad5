package function

import (
	"cmp"
	"encoding/json"
	"time"

	"fnstore/kit/fault"
)

const maxRecords = 1000

// record is a row's change, as the postgres connector writes it (in the names of
// DynamoDB streams).
type record struct {
	EventID   string `json:"eventID"`
	EventName string `json:"eventName"`
	Table     string `json:"table"`
	Change    struct {
		ChangedAt time.Time       `json:"ChangedAt"`
		Keys      json.RawMessage `json:"Keys"`
		NewImage  json.RawMessage `json:"NewImage"`
		OldImage  json.RawMessage `json:"OldImage"`
	} `json:"change"`
}

// images are kept as the event's data.
type images struct {
	Keys json.RawMessage `json:"keys,omitempty"`
	Old  json.RawMessage `json:"old,omitempty"`
	New  json.RawMessage `json:"new,omitempty"`
}

// fromRecords reads row changes: INSERT has a new image, REMOVE an old one,
// MODIFY both.
func fromRecords(text json.RawMessage) ([]event, error) {
	var records []record
	if err := json.Unmarshal(text, &records); err != nil {
		return nil, badEvent("Records are not row changes: %s", err)
	}
	if len(records) == 0 || len(records) > maxRecords {
		return nil, badEvent("there are %d Records; 1 to %d are taken", len(records), maxRecords)
	}
	list := make([]event, len(records))
	for i, r := range records {
		image := r.Change.NewImage
		needs := map[string]bool{"new": r.EventName == rowInsert || r.EventName == rowModify, "old": r.EventName == rowRemove || r.EventName == rowModify}
		if needs["new"] != present(r.Change.NewImage) || needs["old"] != present(r.Change.OldImage) {
			if needs["new"] || needs["old"] {
				return nil, badEvent("record %d: a row's %s does not have the images that belong to it", i, r.EventName)
			}
		}
		if r.EventName == rowRemove {
			image = r.Change.OldImage
		}
		data, err := json.Marshal(images{r.Change.Keys, r.Change.OldImage, r.Change.NewImage})
		if err != nil {
			return nil, badEvent("record %d cannot be read: %s", i, err)
		}
		list[i] = event{source: "row " + cmp.Or(r.Table, "?"), id: r.EventID, typ: r.EventName, at: r.Change.ChangedAt, contentType: "application/json", data: data, row: true}
		if !needs["new"] && !needs["old"] {
			continue // an event that the connector may have some day
		}
		c, err := about(image, "")
		if err != nil {
			return nil, fault.New(fault.Unprocessable, "bad_user", "record %d: a row of %s does not say who the user is: it has no id", i, r.Table)
		}
		c.removed = r.EventName == rowRemove
		list[i].change, list[i].subject = c, c.user
	}
	return checked(list)
}

func present(image json.RawMessage) bool { return len(image) > 0 && string(image) != "null" }
