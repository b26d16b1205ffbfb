package embedded

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// payloadBytesMax is what the server takes of one message, header included.
const payloadBytesMax = 1 << 20

// consumerBytesMax bounds a request for a consumer, which is read as a whole.
const consumerBytesMax = 64 << 10

// filter passes on what a guest says (the protocol of NATS clients), but for what the server's permissions do not see: where it
// wants answers, and where a consumer that it makes delivers to. Only the forms that clients use are passed on; whatever else a
// guest says ends its connection.
func filter(to io.Writer, from *bufio.Reader, inbox string) error {
	out := bufio.NewWriterSize(to, 32<<10)
	for {
		if from.Buffered() == 0 { // the guest has paused
			if err := out.Flush(); err != nil {
				return err
			}
		}
		line, err := from.ReadSlice('\n')
		if err != nil {
			return err
		}
		if err := pass(out, from, line, inbox); err != nil {
			_ = out.Flush() // what was right before it
			return fmt.Errorf("a guest of the state store: %w", err)
		}
	}
}

// pass passes on one line, and the message behind it.
func pass(out *bufio.Writer, from *bufio.Reader, line []byte, inbox string) error {
	text, ok := bytes.CutSuffix(line, []byte("\r\n"))
	if !ok || bytes.ContainsAny(text, "\r\t\x00") {
		return fmt.Errorf("a line that no client writes: %q", shortened64(line))
	}
	words := strings.Split(string(text), " ")
	switch words[0] {
	case "PING", "PONG", "SUB", "UNSUB":
		_, err := out.Write(line)
		return err
	case "PUB", "HPUB":
	default:
		return fmt.Errorf("a line that no client writes: %q", shortened64(line))
	}
	least := 3 // PUB subject size; HPUB subject header size
	if words[0] == "HPUB" {
		least = 4
	}
	reply := ""
	switch len(words) {
	case least:
	case least + 1:
		reply = words[2]
	default:
		return fmt.Errorf("a line that no client writes: %q", shortened64(line))
	}
	if reply != "" && !strings.HasPrefix(reply, inbox+".") {
		return fmt.Errorf("it wants an answer to %q, which is not its own", reply)
	}
	header := 0
	size, err := strconv.ParseUint(words[len(words)-1], 10, 31)
	if err == nil && least == 4 {
		var n uint64
		n, err = strconv.ParseUint(words[len(words)-2], 10, 31)
		header = int(n)
	}
	if err != nil || size > payloadBytesMax || header > int(size) {
		return fmt.Errorf("a message of %q bytes", words[len(words)-1])
	}
	makes := strings.HasPrefix(words[1], "$JS.API.CONSUMER.CREATE.") || strings.HasPrefix(words[1], "$JS.API.CONSUMER.DURABLE.CREATE.")
	if !makes {
		if _, err := out.Write(line); err != nil {
			return err
		}
		_, err := io.CopyN(out, from, int64(size)+2)
		return err
	}
	if size > consumerBytesMax {
		return fmt.Errorf("a request for a consumer of %d bytes", size)
	}
	line = bytes.Clone(line) // what follows is read over it
	body := make([]byte, size+2)
	if _, err := io.ReadFull(from, body); err != nil {
		return err
	}
	var request struct {
		Config struct {
			Deliver string `json:"deliver_subject"`
		} `json:"config"`
	}
	if err := json.Unmarshal(body[header:size], &request); err != nil {
		return fmt.Errorf("a request for a consumer that cannot be read: %w", err)
	}
	if to := request.Config.Deliver; to != "" && !strings.HasPrefix(to, inbox+".") {
		return fmt.Errorf("a consumer that delivers to %q, which is not its own", to)
	}
	if _, err := out.Write(line); err != nil {
		return err
	}
	_, err = out.Write(body)
	return err
}

// shortened64 is the beginning of a line, to be shown.
func shortened64(line []byte) []byte { return line[:min(len(line), 64)] }
