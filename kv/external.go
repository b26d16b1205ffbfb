package kv

import (
	"fmt"
	"regexp"
	"strings"
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
	if err != nil {
		return nil, fmt.Errorf("connect to NATS: %s", x.hidden(err.Error()))
	}
	if !nc.HeadersSupported() || nc.MaxPayload() < payloadBytesMax {
		defer nc.Close()
		return nil, fmt.Errorf("connect to NATS: the server allows messages of %d bytes, fortuna needs %d: set max_payload", nc.MaxPayload(), payloadBytesMax)
	}
	return nc, nil
}

// userinfo is what stands before the host of a URL.
var userinfo = regexp.MustCompile(`(//|"|^)[^/@"\s]*@`)

// hidden takes what may be a password out of a text that may quote the URL.
func (x External) hidden(text string) string {
	for u := range strings.SplitSeq(x.URL, ",") {
		_, rest, _ := strings.Cut(u, "//")
		if i := strings.LastIndexByte(rest, '@'); i >= 0 {
			text = strings.ReplaceAll(text, rest[:i], "***")
			for part := range strings.SplitSeq(rest[:i], ":") {
				if len(part) > 2 {
					text = strings.ReplaceAll(text, part, "***")
				}
			}
		}
	}
	return userinfo.ReplaceAllString(text, "$1***@")
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
