package kv

import (
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/nats-io/nats.go"
)

// External is a NATS server or cluster that others run.
type External struct {
	URL         string // one or several, with commas between: "nats://10.0.0.1:4222"
	Credentials string // a file of a user's JWT and seed; "" for none
	Copies      int    // replicas of each bucket; 0: three
	// TLS is by URL ("tls://") and the system's authorities.
}

// Connect gives a connection that reconnects for ever.
func (x External) Connect(name string, more ...nats.Option) (*nats.Conn, error) {
	options := append([]nats.Option{nats.Name(name), nats.MaxReconnects(-1), nats.ReconnectWait(250 * time.Millisecond)}, more...)
	if x.Credentials != "" {
		options = append(options, nats.UserCredentials(x.Credentials))
	}
	nc, err := nats.Connect(x.URL, options...)
	var unread *url.Error
	switch {
	case errors.As(err, &unread): // it quotes the URL, which may hold a password
		return nil, errors.New("connect to NATS: the URL cannot be read: it is like nats://user:password@host:4222, with %XX for what is special in a URL")
	case err != nil:
		return nil, fmt.Errorf("connect to NATS: %w", err)
	}
	if !nc.HeadersSupported() || nc.MaxPayload() < payloadBytesMax {
		defer nc.Close()
		return nil, fmt.Errorf("connect to NATS: the server allows messages of %d bytes, fortuna needs %d: set max_payload", nc.MaxPayload(), payloadBytesMax)
	}
	return nc, nil
}

// Replicas is how many copies of each bucket are kept.
func (x External) Replicas() int {
	if x.Copies == 0 {
		return 3
	}
	return x.Copies
}

// Memory is false: files are the operator's choice, and ours.
func (x External) Memory() bool { return false }
