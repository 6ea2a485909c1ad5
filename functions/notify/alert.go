package function

import (
	"cmp"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"fnstore/kit/fault"
	"fnstore/kit/wire"
)

const (
	alertSecret = "notify-alerts" // Alertmanager's password here
	alertTopic  = "alerts"
	// repeated is how long the same alerts are one notification: Alertmanager
	// sends again at once when it heard no answer, and on purpose hours later.
	repeated = 5 * time.Minute
)

// alertGroup is what is read of Alertmanager's webhook (version 4).
type alertGroup struct {
	Status            string            `json:"status"` // firing or resolved
	CommonLabels      map[string]string `json:"commonLabels"`
	CommonAnnotations map[string]string `json:"commonAnnotations"`
	Alerts            []struct {
		Status      string            `json:"status"`
		Labels      map[string]string `json:"labels"`
		Annotations map[string]string `json:"annotations"`
		StartsAt    time.Time         `json:"startsAt"`
	} `json:"alerts"`
}

// alerts publishes what Alertmanager tells. It cannot sign as the event plane
// does, and proves itself by a password of its own.
func (a *api) alerts(w http.ResponseWriter, r *http.Request) error {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		return fault.New(fault.NotAllowed, "method_not_allowed", "this endpoint has other methods: see Allow")
	}
	want, err := a.read(alertSecret)
	if err != nil {
		return fault.New(fault.Unavailable, "no_alert_password", "the password of the alerts is not mounted").Because(err)
	}
	sent, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if got, have := sha256.Sum256([]byte(sent)), sha256.Sum256([]byte(want)); !ok || len(want) < minKey || subtle.ConstantTimeCompare(got[:], have[:]) != 1 {
		return fault.New(fault.Unauthorized, "bad_alert_password", "send Authorization: Bearer with the secret notify-alerts")
	}
	body, err := wire.Body(w, r, maxBody)
	if err != nil {
		return err
	}
	n, err := a.parseAlerts(body)
	if err != nil {
		return err
	}
	return a.accept(w, r, n)
}

// parseAlerts makes one notification of a group of alerts.
func (a *api) parseAlerts(body []byte) (n notification, err error) {
	var g alertGroup
	if err := json.Unmarshal(body, &g); err != nil || g.Status != "firing" && g.Status != "resolved" || len(g.Alerts) == 0 {
		return n, fault.New(fault.Invalid, "bad_alerts", "the body is not what Alertmanager sends to a webhook")
	}
	list := make([]any, len(g.Alerts))
	for i, one := range g.Alerts {
		list[i] = map[string]any{
			"status": one.Status, "name": one.Labels["alertname"], "since": one.StartsAt.UTC().Format(time.RFC3339),
			"summary": cmp.Or(one.Annotations["summary"], one.Annotations["description"]),
		}
	}
	name := cmp.Or(g.CommonLabels["alertname"], g.Alerts[0].Labels["alertname"], "alerts")
	now := a.now().UTC()
	sum := sha256.Sum256(append(body, strconv.FormatInt(now.UnixNano()/int64(repeated), 10)...))
	n = notification{
		ID: "alert-" + hex.EncodeToString(sum[:16]), Topic: alertTopic, Type: "alert." + g.Status, Time: now.Truncate(time.Microsecond),
		Attributes: map[string]any{"type": "alert." + g.Status, "alertname": name, "severity": g.CommonLabels["severity"]},
		Data:       map[string]any{"status": g.Status, "alertname": name, "alerts": list},
	}
	n.Subject, n.Message, err = a.texts.say(n.Type, n.Data)
	return n, err
}
