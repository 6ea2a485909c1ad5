package function

import (
	"errors"
	"io"
	"net/http"
	"regexp"
	"strings"
	"time"

	"fnstore/kit/fault"
	"fnstore/kit/filter"
	"fnstore/kit/mail"
	"fnstore/kit/pg"
	"fnstore/kit/queue"
	"fnstore/kit/wire"
)

// The ways to reach a subscriber.
const (
	toFunction = "function" // NAME or NAME/PATH; the annotation fnstore.sends has to name it
	toWebhook  = "webhook"  // a URL
	toEmail    = "email"    // an address
)

// subscription is who wants to hear of a topic.
type subscription struct {
	ID        string    `json:"id"`
	Topic     string    `json:"topic"`
	Protocol  string    `json:"protocol"`
	Endpoint  string    `json:"endpoint"`
	Filter    string    `json:"filter,omitempty"` // a filter policy; none is everything
	CreatedAt time.Time `json:"created_at" db:"created_at"`
}

const columns = `id::text, topic, protocol, endpoint, filter, created_at`

var (
	functionName = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?(/[!-~]*)?$`)
	uuid         = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)
)

// function is the endpoint's function and the path of its calls.
func (s subscription) function() (name, path string) {
	name, rest, _ := strings.Cut(s.Endpoint, "/")
	return name, "/" + rest
}

// subscribe makes a subscription; the same one a second time is the first.
func (a *api) subscribe(w http.ResponseWriter, r *http.Request) error {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	var ask struct {
		Topic    string `json:"topic"`
		Protocol string `json:"protocol"`
		Endpoint string `json:"endpoint"`
		Filter   raw    `json:"filter"`
	}
	if err := wire.Decode(body, &ask); err != nil {
		return err
	}
	if ask.Topic == "" {
		ask.Topic = DefaultTopic
	}
	if !topicName.MatchString(ask.Topic) {
		return badSubscription("topic is not a name of at most 128 letters, digits, dots, dashes and slashes")
	}
	if text := strings.Join(strings.Fields(string(ask.Filter)), ""); text == "{}" || text == "null" {
		ask.Filter = nil // all of the topic
	}
	if _, err := policy(string(ask.Filter)); err != nil {
		return badSubscription("%v", err)
	}
	s := subscription{Topic: ask.Topic, Protocol: ask.Protocol, Endpoint: ask.Endpoint, Filter: string(ask.Filter)}
	if err := a.reachable(s); err != nil {
		return err
	}
	status := http.StatusCreated
	err = a.db.Do(r.Context(), func(tx pg.Tx) error {
		if s.Protocol == toFunction {
			if err := allowed(r, tx, s); err != nil {
				return err
			}
		}
		var count int
		if err := tx.QueryRow(r.Context(), `select count(*) from subscription where topic = $1`, s.Topic).Scan(&count); err != nil {
			return err
		}
		if count >= maxSubscribers {
			return fault.New(fault.Conflict, "topic_full", "the topic has %d subscriptions, and no more are taken", maxSubscribers)
		}
		made, err := pg.All[subscription](r.Context(), tx, `insert into subscription (topic, protocol, endpoint, filter) values ($1, $2, $3, $4) on conflict (topic, protocol, endpoint) do nothing returning `+columns, s.Topic, s.Protocol, s.Endpoint, s.Filter)
		if err != nil || len(made) == 1 {
			if len(made) == 1 {
				s = made[0]
			}
			return err
		}
		status = http.StatusOK
		filter := s.Filter
		if s, err = pg.One[subscription](r.Context(), tx, `select `+columns+` from subscription where topic = $1 and protocol = $2 and endpoint = $3`, s.Topic, s.Protocol, s.Endpoint); err != nil {
			return err
		}
		if s.Filter != filter {
			return fault.New(fault.Conflict, "subscription_exists", "this subscriber has a subscription of the topic with another filter: %s", s.ID)
		}
		return nil
	})
	if err != nil {
		return pg.Fault(err)
	}
	return wire.JSON(w, status, s)
}

// policy reads a filter; none lets everything through.
func policy(text string) (filter.Policy, error) {
	if text == "" {
		return filter.Policy{}, nil
	}
	return filter.Parse([]byte(text))
}

// reachable says whether an endpoint can be one of its protocol.
func (a *api) reachable(s subscription) error {
	switch s.Protocol {
	case toFunction:
		if !functionName.MatchString(s.Endpoint) {
			return badSubscription("the endpoint is neither FUNCTION nor FUNCTION/PATH")
		}
	case toWebhook:
		if _, err := place(s.Endpoint); err != nil {
			return badSubscription("the endpoint is not a URL that can be called: %v", err)
		}
		if _, err := a.signingKey(); err != nil {
			return err
		}
	case toEmail:
		if _, err := mail.Address(s.Endpoint); err != nil {
			return badSubscription("the endpoint is no address: %v", err)
		}
		if _, err := a.mailServer(); err != nil {
			return err
		}
	default:
		return badSubscription("protocol is one of function, webhook and email")
	}
	return nil
}

// allowed asks the queue whether this function may send to the subscriber, and
// takes the question back.
func allowed(r *http.Request, tx pg.Tx, s subscription) error {
	undo := errors.New("only asked")
	target, path := s.function()
	nested, err := tx.Begin(r.Context())
	if err != nil {
		return err
	}
	_, asked := queue.Send(r.Context(), nested, queue.Outgoing{Target: target, Path: path})
	if err := nested.Rollback(r.Context()); err != nil {
		return errors.Join(undo, err)
	}
	return asked
}

func badSubscription(format string, args ...any) *fault.Error {
	return fault.New(fault.Invalid, "bad_subscription", format, args...)
}

func (a *api) subscriptions(w http.ResponseWriter, r *http.Request) error {
	list, err := pg.All[subscription](r.Context(), a.db, `select `+columns+` from subscription order by topic, id limit 10000`)
	if err != nil {
		return pg.Fault(err)
	}
	if list == nil {
		list = []subscription{}
	}
	return wire.JSON(w, http.StatusOK, map[string]any{"subscriptions": list})
}

func (a *api) unsubscribe(w http.ResponseWriter, r *http.Request) error {
	id := r.PathValue("id")
	if !uuid.MatchString(id) {
		return noSubscription()
	}
	tag, err := a.db.Exec(r.Context(), `delete from subscription where id = $1`, id)
	if err != nil {
		return pg.Fault(err)
	}
	if tag.RowsAffected() == 0 {
		return noSubscription()
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func noSubscription() error {
	return fault.New(fault.NotFound, "no_subscription", "there is no subscription with this id")
}
