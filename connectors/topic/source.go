package topic

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"fnstore/connectors/hook"
	"fnstore/kit/queue"
	"fnstore/kit/queue/lease"
	"fnstore/kit/trace"
)

// SourceName is the source of publications.
const SourceName = "topic"

// DefaultLook is how often a Source looks though nobody told it of a publication:
// a notification that was lost costs this much time and no message.
const DefaultLook = 30 * time.Second

// elsewhere is the pause after another reader was found at work.
const elsewhere = 100 * time.Millisecond

// batch is how many publications of a topic are dealt with in one transaction.
const batch = 50

// Source reads publications. It is a hook.Source.
type Source struct {
	DB        *pgxpool.Pool
	Functions hook.Functions
	Bodies    queue.Bodies  // of long publications; nil where there are none
	Look      time.Duration // 0 means DefaultLook

	conn *pgx.Conn // listens
	none bool      // nothing could be claimed: another reader has it
}

// Name implements hook.Source.
func (*Source) Name() string { return SourceName }

// Connect begins to listen.
func (s *Source) Connect(ctx context.Context) error {
	conn, err := pgx.ConnectConfig(ctx, s.DB.Config().ConnConfig)
	if err != nil {
		return fmt.Errorf("topic: %w", err)
	}
	if _, err := conn.Exec(ctx, "listen "+queue.Channel); err != nil {
		_ = conn.Close(context.WithoutCancel(ctx))
		return fmt.Errorf("topic: %w", err)
	}
	s.conn = conn
	return nil
}

// Close implements hook.Source.
func (s *Source) Close() error {
	if s.conn == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	conn := s.conn
	s.conn = nil
	return conn.Close(ctx)
}

// Read waits for publications.
func (s *Source) Read(ctx context.Context) (hook.Event, func(error), error) {
	for {
		if s.none {
			s.none = false
			select {
			case <-time.After(elsewhere):
			case <-ctx.Done():
				return hook.Event{}, nil, ctx.Err()
			}
		}
		topics, err := s.waiting(ctx)
		if err != nil {
			return hook.Event{}, nil, err
		}
		if len(topics) > 0 {
			return hook.Event{Fill: func(ctx context.Context, tx pgx.Tx) (string, int, error) {
				n, err := s.distribute(ctx, tx, topics)
				return "", n, err
			}}, func(error) {}, nil
		}
		look := s.Look
		if look <= 0 {
			look = DefaultLook
		}
		// A wait that has timed out leaves the connection usable (pgconn).
		waiting, cancel := context.WithTimeout(ctx, look)
		_, err = s.conn.WaitForNotification(waiting)
		late := waiting.Err() != nil
		cancel()
		if ctx.Err() != nil {
			return hook.Event{}, nil, ctx.Err()
		}
		if err != nil && !late || s.conn.IsClosed() {
			return hook.Event{}, nil, fmt.Errorf("topic: %w", err)
		}
	}
}

// waiting gives the topics of which a publication can be had now.
func (s *Source) waiting(ctx context.Context) ([]string, error) {
	rows, err := s.DB.Query(ctx, `select distinct fn from queue.message
		where fn >= 'topic:' and fn < 'topic;' and not blocked and visible_at <= clock_timestamp()`)
	if err != nil {
		return nil, fmt.Errorf("topic: %w", err)
	}
	topics, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("topic: %w", err)
	}
	return topics, nil
}

// distribute writes the messages of waiting publications and removes these, in
// one transaction: a publication reaches all its subscribers or stays.
func (s *Source) distribute(ctx context.Context, tx pgx.Tx, topics []string) (written int, err error) {
	subscribers, err := s.subscribers(ctx)
	if err != nil {
		return 0, err
	}
	q := lease.Open(tx)
	want := make([]lease.Want, len(topics))
	for i, t := range topics {
		want[i] = lease.Want{Function: t, Max: batch}
	}
	publications, err := q.Claim(ctx, 0, want)
	if err != nil {
		return 0, err
	}
	s.none = len(publications) == 0
	// The order in which they were published; a claim may give another.
	slices.SortFunc(publications, func(a, b lease.Message) int { return int(a.ID - b.ID) })
	var outcomes []lease.Outcome
	for _, p := range publications {
		n, err := s.fanOut(ctx, tx, subscribers, p)
		if err != nil {
			return written, err
		}
		written += n
		outcomes = append(outcomes, lease.Outcome{Key: p.Key(), Function: p.Function, Group: p.Group, Verdict: lease.Done, Failure: lease.Failure{Status: http.StatusOK}})
	}
	refused, err := q.Finish(ctx, outcomes)
	if err == nil && len(refused) > 0 {
		err = fmt.Errorf("topic: %d publications were taken by another", len(refused))
	}
	return written, err
}

func (s *Source) fanOut(ctx context.Context, tx pgx.Tx, subscribers []Subscriber, p lease.Message) (written int, err error) {
	body := p.Body
	if p.BodyRef != "" {
		if body, err = s.Bodies.Get(ctx, p.BodyRef); err != nil {
			return 0, err
		}
	}
	topic := strings.TrimPrefix(p.Function, Prefix)
	header := http.Header(p.Headers).Clone()
	members, err := attributes(header.Get(HeaderAttributes))
	if err != nil {
		// Sent by a function, which could write anything. Policies see none.
		slog.WarnContext(ctx, "a publication's attributes cannot be read", "part", "connector", "source", SourceName, "topic", topic, "call_id", p.CallID)
	}
	if _, ok := trace.Of(header); !ok { // all subscribers have one journey
		header.Set(trace.Header, trace.OfCall(p.CallID).String())
	}
	header.Set(HeaderTopic, topic)
	header.Set(HeaderMessageID, p.CallID)
	header.Set("X-Connector", "fnstore-topic")
	for _, sub := range subscribers {
		if !sub.wants(topic, members, body) {
			continue
		}
		n := queue.New{Function: sub.Function, Headers: header, Body: body, Group: p.Group, Trusted: p.Trusted}
		if s.Bodies != nil {
			_, err = queue.EnqueueLarge(ctx, tx, s.Bodies, n)
		} else {
			_, err = queue.Enqueue(ctx, tx, n)
		}
		if err != nil {
			return written, err
		}
		written++
	}
	return written, nil
}

func (s *Source) subscribers(ctx context.Context) (list []Subscriber, err error) {
	functions, err := s.Functions(ctx)
	if err != nil {
		return nil, fmt.Errorf("topic: which functions there are: %w", err)
	}
	for _, f := range functions {
		sub, err := SubscriberOf(f)
		if err != nil {
			slog.WarnContext(ctx, "a subscription cannot be read", "part", "connector", "source", SourceName, "function", f.Name, "cause", err)
		}
		if len(sub.policies) > 0 {
			list = append(list, sub)
		}
	}
	return list, nil
}
