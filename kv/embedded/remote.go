package embedded

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/nats-io/nats.go"
)

// Remote is a server of another node, which carries connections to it (Server.Admit). Its buckets are others' to make.
type Remote struct {
	Open  func(ctx context.Context) (net.Conn, error) // opens a connection that is carried to the server
	Inbox string                                      // what the subjects of answers begin with: it may hear no others
	Log   *slog.Logger
}

// opensWithin is how long a connection may take.
const opensWithin = 5 * time.Second

// Dial opens a connection; nats.go asks for it.
func (r Remote) Dial(string, string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), opensWithin)
	defer cancel()
	return r.Open(ctx)
}

// Connect gives a connection that reconnects for ever. It is given also while the server cannot be reached.
func (r Remote) Connect(name string, more ...nats.Option) (*nats.Conn, error) {
	options := append([]nats.Option{
		nats.SetCustomDialer(r), nats.Name(name), nats.MaxReconnects(-1), nats.ReconnectWait(250 * time.Millisecond),
		nats.RetryOnFailedConnect(true), nats.CustomInboxPrefix(r.Inbox), nats.IgnoreDiscoveredServers(),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			r.Log.Warn("connection to the state of the cluster", "err", err)
		}),
	}, more...)
	nc, err := nats.Connect("nats://node", options...)
	if err != nil {
		return nil, fmt.Errorf("connect to the state of another node: %w", err)
	}
	return nc, nil
}

// Replicas is 0: the nodes that have the server make its buckets.
func (Remote) Replicas() int { return 0 }

// Memory says that nothing is known to be in memory only.
func (Remote) Memory() bool { return false }
