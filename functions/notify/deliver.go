package function

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"time"

	"fnstore/kit/fault"
	"fnstore/kit/mail"
	"fnstore/kit/pg"
	"fnstore/kit/wire"
)

// raw is JSON that is kept as it came.
type raw = json.RawMessage

// task is the body of a message of this function to itself: one notification
// for one subscriber.
type task struct {
	Notification string `json:"notification"`
	Subscription string `json:"subscription"`
}

// claimFor is how long a delivery belongs to one call; a crash frees it.
const claimFor = time.Minute

// deliver sends a notification on to one subscriber.
//
//	claim ──▶ send ──▶ done          a second call finds it done, or claimed
//	            └────▶ free again    the queue calls later
//
// A crash between send and done sends it twice, under the same id.
func (a *api) deliver(w http.ResponseWriter, r *http.Request) error {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	var t task
	if err := wire.Decode(body, &t); err != nil {
		return err
	}
	if !uuid.MatchString(t.Subscription) {
		return noSubscription()
	}
	status, err := a.claim(r.Context(), t)
	if err != nil {
		return err
	}
	if status != "" {
		return wire.JSON(w, http.StatusOK, map[string]string{"status": status})
	}
	var n notification
	d, err := pg.One[struct{ Protocol, Endpoint, Content string }](r.Context(), a.db, `select d.protocol, d.endpoint, n.content from delivery d join notification n on n.id = d.notification
		where d.notification = $1 and d.subscription = $2`, t.Notification, t.Subscription)
	if err == nil {
		err = json.Unmarshal([]byte(d.Content), &n)
	}
	if err == nil {
		err = a.send(r.Context(), d.Protocol, d.Endpoint, []byte(d.Content), n, t)
	}
	if err := a.settle(r.Context(), t, err); err != nil {
		return err
	}
	if err != nil {
		return pg.Fault(err)
	}
	slog.Info("notification sent", "id", n.ID, "protocol", d.Protocol, "type", n.Type, "call_id", r.Header.Get(wire.CallID))
	return wire.JSON(w, http.StatusOK, map[string]string{"status": "sent"})
}

// claim makes a delivery this call's, or says why there is nothing to do.
func (a *api) claim(ctx context.Context, t task) (status string, err error) {
	row, err := pg.One[struct {
		Mine, Done, Subscribed bool
	}](ctx, a.db, `with mine as (
			update delivery d set claimed_until = now() + $3, attempts = attempts + 1
			where notification = $1 and subscription = $2 and done_at is null and (claimed_until is null or claimed_until < now())
			and exists (select from subscription s where s.id = d.subscription)
			returning 1)
		select exists (select from mine) mine, done_at is not null done, exists (select from subscription s where s.id = $2) subscribed
		from delivery where notification = $1 and subscription = $2`, t.Notification, t.Subscription, claimFor)
	switch {
	case errors.Is(err, pg.ErrNoRows):
		return "", fault.New(fault.NotFound, "no_notification", "there is no such notification for this subscriber; it may have expired")
	case err != nil:
		return "", pg.Fault(err)
	case row.Mine:
		return "", nil
	case row.Done:
		return "duplicate", nil
	case !row.Subscribed:
		return "unsubscribed", nil
	}
	return "", fault.New(fault.Conflict, "delivery_in_flight", "another call is sending this notification").After(5 * time.Second)
}

// settle notes how sending ended. It does so even when the call's own time is
// over.
func (a *api) settle(ctx context.Context, t task, sent error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	failure := ""
	if sent != nil {
		failure = fault.Of(sent).Code
	}
	_, err := a.db.Exec(ctx, `update delivery set claimed_until = null, last_error = nullif($3, ''), done_at = case when $3 = '' then now() end
		where notification = $1 and subscription = $2`, t.Notification, t.Subscription, failure)
	if err != nil && sent == nil {
		return pg.Fault(err) // it was sent, and may be sent again
	}
	if err != nil {
		slog.Warn("a failed delivery was not noted", "cause", err.Error())
	}
	return nil
}

func (a *api) send(ctx context.Context, protocol, endpoint string, content []byte, n notification, t task) error {
	id := n.ID + "." + t.Subscription
	switch protocol {
	case toWebhook:
		key, err := a.signingKey()
		if err != nil {
			return err
		}
		return a.hooks.post(ctx, endpoint, id, key, content, a.now())
	case toEmail:
		server, err := a.mailServer()
		if err != nil {
			return err
		}
		return server.Send(ctx, mail.Message{From: server.From, To: endpoint, Subject: n.Subject, Text: n.Message, ID: id, Date: n.Time})
	}
	return fault.New(fault.Invalid, "bad_subscription", "a notification cannot be sent by %.40s", protocol)
}

// mailServer is read at each use, so that its secret may come late and change.
func (a *api) mailServer() (*mail.Server, error) {
	url, err := a.read(mailSecret)
	if err != nil {
		return nil, fault.New(fault.Unavailable, "no_mail_server", "no mail server is set: the secret %s is not mounted", mailSecret).Because(err)
	}
	ca, err := a.read(mailCASecret)
	if err != nil {
		ca = "" // the usual authorities
	}
	server, err := mail.Parse(url, ca)
	if err != nil {
		return nil, fault.New(fault.Unavailable, "bad_mail_server", "the mail server's secret cannot be read").Because(err)
	}
	return server, nil
}

// get says what became of a notification.
func (a *api) get(w http.ResponseWriter, r *http.Request) error {
	n, err := pg.One[struct{ Content string }](r.Context(), a.db, `select content from notification where id = $1`, r.PathValue("id"))
	if errors.Is(err, pg.ErrNoRows) {
		return fault.New(fault.NotFound, "no_notification", "there is no such notification; it may have expired")
	}
	if err != nil {
		return pg.Fault(err)
	}
	deliveries, err := pg.All[struct {
		Subscription string     `json:"subscription"`
		Protocol     string     `json:"protocol"`
		Endpoint     string     `json:"endpoint"`
		Attempts     int        `json:"attempts"`
		DoneAt       *time.Time `json:"done_at" db:"done_at"`
		LastError    *string    `json:"last_error,omitempty" db:"last_error"`
	}](r.Context(), a.db, `select subscription::text, protocol, endpoint, attempts, done_at, last_error from delivery where notification = $1 order by subscription limit 1000`, r.PathValue("id"))
	if err != nil {
		return pg.Fault(err)
	}
	return wire.JSON(w, http.StatusOK, map[string]any{"notification": raw(n.Content), "deliveries": deliveries})
}
