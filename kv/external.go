package kv

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
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
	if err := x.fits(nc); err != nil {
		nc.Close()
		return nil, fmt.Errorf("connect to NATS: %w", err)
	}
	return nc, nil
}

// serverLeast is the first version of nats-server with all that buckets are made of: batches that are written as a whole, entries
// that expire, and counters.
var serverLeast = [2]int{2, 12}

const accountWithin = 5 * time.Second

// fits says what the server lacks that fortuna needs, and how it can have it.
func (x External) fits(nc *nats.Conn) error {
	if err := checkVersion(nc.ConnectedServerVersion()); err != nil {
		return err
	}
	if nc.MaxPayload() < payloadBytesMax {
		return fmt.Errorf("the server takes messages of %d bytes at most, fortuna needs %d: set max_payload = %d in its configuration", nc.MaxPayload(), payloadBytesMax, payloadBytesMax)
	}
	js, err := nc.JetStream(nats.MaxWait(accountWithin))
	if err != nil {
		return err
	}
	switch account, err := js.AccountInfo(); {
	case errors.Is(err, nats.ErrJetStreamNotEnabled), errors.Is(err, nats.ErrJetStreamNotEnabledForAccount):
		return errors.New("the server has no JetStream for this account: start it with -js, or give the account JetStream")
	case err != nil: // the account may not ask, or nobody leads just now: what is missing shows when buckets are opened
		return nil
	case account.Limits.MaxStore == 0:
		return errors.New("the account may keep nothing on disk: give it JetStream storage (max_file)")
	}
	return nil
}

// checkVersion compares the version that a server has told.
func checkVersion(text string) error {
	var is [2]int
	if _, err := fmt.Sscanf(text, "%d.%d", &is[0], &is[1]); err != nil {
		return fmt.Errorf("the server says that its version is %q: fortuna needs nats-server %d.%d or later", text, serverLeast[0], serverLeast[1])
	}
	if slices.Compare(is[:], serverLeast[:]) < 0 {
		return fmt.Errorf("the server is nats-server %s, fortuna needs %d.%d or later: update it", text, serverLeast[0], serverLeast[1])
	}
	return nil
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
