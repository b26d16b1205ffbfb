package kv

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats-server/v2/server/archive"
)

// A snapshot is an archive of the server's: the state of the stream, its consumers, its messages, and an entry of nothing that
// says that this is the end. It is compressed with S2, in blocks that the server's own code reads and writes.

// errDamaged is of a snapshot that no server has made.
var errDamaged = errors.New("kv: the snapshot is damaged")

// join writes the messages of early, which is a snapshot, and of late behind them, as one snapshot, and notes what it is then.
func (about *snapshot) join(early, late io.ReadSeeker, w io.Writer) error {
	gone, err := fired(late)
	if err != nil {
		return err
	}
	for _, r := range []io.ReadSeeker{early, late} {
		if _, err := r.Seek(0, io.SeekStart); err != nil {
			return err
		}
	}
	sum := sha256.New()
	size := &counter{}
	out := &packer{w: io.MultiWriter(w, sum, size)}
	to, from := archive.NewWriter(out), archive.NewReader(&unpacker{r: bufio.NewReaderSize(early, 1<<16)})
	consumers, err := passState(from, to, func(state map[string]json.RawMessage) {
		// A sequence that is deleted already must not be given again.
		state["last_seq"] = json.RawMessage(fmt.Sprint(about.Last))
		if string(state["first_seq"]) == "0" && about.Last > 0 {
			state["first_seq"] = json.RawMessage("1")
		}
	})
	if err != nil {
		return err
	}
	about.Messages = 0
	for end := false; !end; {
		h, err := from.Next()
		if err != nil {
			return fmt.Errorf("%w: it has no end: %v", errDamaged, err)
		}
		switch {
		case consumers > 0:
			consumers--
		case h.Sequence == 0:
			end = true
			continue
		case gone[h.Name]:
			continue
		default:
			about.Messages++
		}
		if err := pass(to, h, from); err != nil {
			return err
		}
	}
	for from = archive.NewReader(late); ; about.Messages++ {
		h, err := from.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			err = pass(to, h, from)
		}
		if err != nil {
			return err
		}
	}
	if err := to.WriteHeader(&archive.Header{}); err != nil {
		return err
	}
	if err := out.flush(); err != nil {
		return err
	}
	about.Size, about.SHA256 = size.n, fmt.Sprintf("%x", sum.Sum(nil))
	return nil
}

// passState passes on the state of the stream, changed, and tells how many consumers follow.
func passState(from *archive.Reader, to *archive.Writer, change func(state map[string]json.RawMessage)) (consumers int, err error) {
	h, err := from.Next()
	if err != nil || h.Name != "state.json" || h.HeaderSize != 0 || h.PayloadSize > 1<<20 {
		return 0, fmt.Errorf("%w: it does not begin with the state: %v", errDamaged, err)
	}
	text, err := io.ReadAll(io.LimitReader(from, h.PayloadSize))
	if err != nil {
		return 0, err
	}
	var state map[string]json.RawMessage
	var known struct {
		Consumers int `json:"consumer_count"`
	}
	if err := errors.Join(json.Unmarshal(text, &state), json.Unmarshal(text, &known)); err != nil || state == nil {
		return 0, fmt.Errorf("%w: its state: %v", errDamaged, err)
	}
	change(state)
	if text, err = json.Marshal(state); err != nil {
		return 0, err
	}
	h.PayloadSize = int64(len(text))
	return known.Consumers, pass(to, h, bytes.NewReader(text))
}

// withoutConsumers is a snapshot with all but its consumers. It must be closed.
func withoutConsumers(r io.Reader) io.ReadCloser {
	out, in := io.Pipe()
	go func() {
		packed := &packer{w: in}
		err := leave(archive.NewReader(&unpacker{r: r}), archive.NewWriter(packed))
		if err == nil {
			err = packed.flush()
		}
		in.CloseWithError(err)
	}()
	return out
}

// leave passes on all of a snapshot but its consumers.
func leave(from *archive.Reader, to *archive.Writer) error {
	consumers, err := passState(from, to, func(state map[string]json.RawMessage) { state["consumer_count"] = json.RawMessage("0") })
	for err == nil {
		var h *archive.Header
		if h, err = from.Next(); err != nil {
			return fmt.Errorf("%w: it has no end: %v", errDamaged, err)
		}
		if consumers > 0 {
			consumers--
			continue
		}
		if err = pass(to, h, from); h.Sequence == 0 {
			return err
		}
	}
	return err
}

// fired are the subjects of schedules whose message is in an archive: the schedule is over.
func fired(r io.Reader) (map[string]bool, error) {
	if s, ok := r.(io.Seeker); ok {
		if _, err := s.Seek(0, io.SeekStart); err != nil {
			return nil, err
		}
	}
	over := map[string]bool{}
	for from := archive.NewReader(r); ; {
		h, err := from.Next()
		if errors.Is(err, io.EOF) {
			return over, nil
		}
		if err != nil {
			return nil, err
		}
		raw, err := io.ReadAll(io.LimitReader(from, h.HeaderSize))
		if err != nil {
			return nil, err
		}
		if fields := parseHeader(raw); fields.Get("Nats-Schedule-Next") == "purge" {
			over[fields.Get("Nats-Scheduler")] = true
		}
	}
}

// pass writes an entry whose bytes are to be read from r.
func pass(to *archive.Writer, h *archive.Header, r io.Reader) error {
	if err := to.WriteHeader(h); err != nil {
		return err
	}
	_, err := io.CopyN(to, r, h.HeaderSize+h.PayloadSize)
	return err
}

// counter counts what is written.
type counter struct{ n int64 }

func (c *counter) Write(p []byte) (int, error) {
	c.n += int64(len(p))
	return len(p), nil
}

// blockBytes is what is compressed at once.
const blockBytes = 1 << 20

// trailer is what the server's code for its own blocks leaves alone at the end of one.
const trailer = "\x00\x00\x00\x00\x00\x00\x00\x00"

// packer compresses what is written, until flush.
type packer struct {
	w   io.Writer
	buf []byte
}

func (p *packer) Write(b []byte) (int, error) {
	n := len(b)
	for len(b) > 0 {
		room := min(blockBytes-len(p.buf), len(b))
		p.buf, b = append(p.buf, b[:room]...), b[room:]
		if len(p.buf) == blockBytes {
			if err := p.flush(); err != nil {
				return 0, err
			}
		}
	}
	return n, nil
}

func (p *packer) flush() error {
	if len(p.buf) == 0 {
		return nil
	}
	packed, err := server.S2Compression.Compress(append(p.buf, trailer...))
	if err != nil {
		return err
	}
	p.buf = p.buf[:0]
	_, err = p.w.Write(packed[:len(packed)-len(trailer)])
	return err
}

// Chunks of S2 (as of Snappy's framing): a byte for the kind, three for the length, and what is in it.
const (
	chunkCompressed = 0x00
	chunkPlain      = 0x01
	chunkSkipped    = 0x80 // and above, but the identifier, which may come again
	chunkBytesMax   = 4<<20 + 1<<16
	identifier      = "\xff\x06\x00\x00S2sTwO"
)

// unpacker undoes packer, and what the server does.
type unpacker struct {
	r     io.Reader
	block []byte
}

func (u *unpacker) Read(p []byte) (int, error) {
	for len(u.block) == 0 {
		kind, chunk, err := nextChunk(u.r, []byte(identifier))
		if err != nil {
			return 0, err // io.EOF between chunks
		}
		if kind >= chunkSkipped {
			continue
		}
		plain, err := server.S2Compression.Decompress(append(chunk, trailer...))
		if err != nil {
			return 0, fmt.Errorf("%w: %v", errDamaged, err)
		}
		u.block = plain[:len(plain)-len(trailer)]
	}
	n := copy(p, u.block)
	u.block = u.block[n:]
	return n, nil
}

// nextChunk reads a chunk and appends it to buf. The error is io.EOF when there is none.
func nextChunk(r io.Reader, buf []byte) (kind byte, chunk []byte, err error) {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return 0, nil, err
	}
	kind = head[0]
	n := int(binary.LittleEndian.Uint32(head[:]) >> 8)
	if n > chunkBytesMax || kind > chunkPlain && kind < chunkSkipped {
		return 0, nil, fmt.Errorf("%w: a chunk of kind %d with %d bytes", errDamaged, kind, n)
	}
	buf = slices.Grow(append(buf, head[:]...), n+len(trailer))
	chunk = buf[:len(buf)+n]
	if _, err := io.ReadFull(r, chunk[len(buf):]); err != nil {
		return 0, nil, noEnd(err)
	}
	return kind, chunk, nil
}

// appendPlain appends a chunk that is not compressed: its checksum, masked as the format has it, and what is in it.
func appendPlain(dst, data []byte) []byte {
	sum := crc32.Checksum(data, castagnoli)
	dst = binary.LittleEndian.AppendUint32(dst, chunkPlain|uint32(len(data)+4)<<8)
	dst = binary.LittleEndian.AppendUint32(dst, (sum>>15|sum<<17)+0xa282ead8)
	return append(dst, data...)
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// noEnd is what the end of the input means where it may not be.
func noEnd(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
