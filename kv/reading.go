package kv

import (
	"context"
	"time"

	"github.com/nats-io/nats.go"
)

// reading is messages of a stream on their way here, in order and without gaps.
//
// The server pushes them. To fetch them one asks the node that has the consumer, and for some milliseconds after the consumer was
// made that node does not hear it from others: of the lists that a cluster was asked for 5 % then stood still until the consumer
// was given up, for 10 s.
type reading struct {
	sub     *nats.Subscription
	pending uint64 // messages that there were when it began
}

// beatEvery is how often the server says that it is there while it has nothing to push. Who misses it twice asks another.
const beatEvery = time.Second

// read begins to read the messages of a stream under a subject, which may have wildcards. End it.
func (s *Store) read(ctx context.Context, stream, subject string, from ...nats.SubOpt) (*reading, error) {
	options := append([]nats.SubOpt{nats.BindStream(stream), nats.OrderedConsumer(), nats.IdleHeartbeat(beatEvery)}, from...)
	var sub *nats.Subscription
	for sub == nil {
		var err error
		sub, err = s.push.SubscribeSync(subject, options...) // for attempt at most: with a context it would end with that
		if err == nil {
			break
		}
		if refusal := apiErrorOf(err); refusal != nil && !refusal.again() {
			return nil, refusal.err()
		}
		if err := pause(ctx, err); err != nil {
			return nil, err
		}
	}
	pending, err := sub.InitialConsumerPending()
	r := &reading{sub, pending}
	if err != nil {
		r.end()
		return nil, refusalOf(err)
	}
	return r, nil
}

// next is the next message, and how many are behind it now.
func (r *reading) next(ctx context.Context) (*nats.Msg, *nats.MsgMetadata, error) {
	m, err := r.sub.NextMsgWithContext(ctx)
	if err != nil {
		return nil, nil, err
	}
	meta, err := m.Metadata()
	return m, meta, err
}

// end has the server forget it. Nobody waits for that: one that is not forgotten goes when nobody listens.
func (r *reading) end() {
	go func() { _ = r.sub.Unsubscribe() }()
}
