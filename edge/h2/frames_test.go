package h2

import (
	"bytes"
	"encoding/binary"
	"reflect"
	"testing"

	"golang.org/x/net/http2"
)

// framesOf feeds text in pieces that end at cuts, and returns what was seen.
func framesOf(text []byte, cuts ...int) (seen []frame, f frames) {
	at := 0
	for _, cut := range append(cuts, len(text)) {
		f.feed(text[at:cut], func(g frame) { seen = append(seen, g) })
		at = cut
	}
	return seen, f
}

func TestFrames_everySplit(t *testing.T) {
	var b bytes.Buffer
	fr := http2.NewFramer(&b, nil)
	for _, err := range []error{
		fr.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1}),
		fr.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: []byte("abc")}),
		fr.WriteContinuation(1, true, nil),
		fr.WriteRSTStream(1, http2.ErrCodeCancel),
		fr.WriteData(1<<31-1, true, make([]byte, 300)),
		fr.WritePing(false, [8]byte{}),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	text := b.Bytes()
	want := []frame{
		{kind: 4, length: 6}, {kind: 1, stream: 1, length: 3}, {kind: 9, flags: 4, stream: 1}, {kind: 3, stream: 1, length: 4, code: 8},
		{kind: 0, flags: 1, stream: 1<<31 - 1, length: 300}, {kind: 6, length: 8},
	}
	for i := range text {
		for j := i; j < len(text); j += 7 {
			got, f := framesOf(text, i, j)
			if !reflect.DeepEqual(got, want) || !f.between() {
				t.Fatalf("cut at %d and %d: got %+v", i, j, got)
			}
		}
	}
	if _, f := framesOf(text[:len(text)-1]); f.between() {
		t.Error("half a frame is none")
	}
}

// The frames are those that net/http will read, however they come.
func FuzzFrames(f *testing.F) {
	f.Add([]byte("\x00\x00\x04\x03\x00\x00\x00\x00\x01\x00\x00\x00\x08\x00\x00\x00\x04\x01\x00\x00\x00\x00"), 5)
	f.Add([]byte("\x00\x00\x02\x03\x00\x00\x00\x00\x01ab\x00\x00\x01\x00\x00\x80\x00\x00\x01a"), 1)
	f.Fuzz(func(t *testing.T, text []byte, every int) {
		var cuts []int
		for i := 1; every > 0 && i < len(text); i += every {
			cuts = append(cuts, i)
		}
		got, _ := framesOf(text, cuts...)
		r := bytes.NewReader(text)
		for i := 0; ; i++ {
			head, err := http2.ReadFrameHeader(r)
			if err != nil || head.Type == http2.FrameRSTStream && head.Length >= 4 && r.Len() < 4 {
				if i != len(got) {
					t.Fatalf("saw %d frames of %d", len(got), i)
				}
				return
			}
			want := frame{kind: uint8(head.Type), flags: uint8(head.Flags), stream: head.StreamID, length: int(head.Length)}
			payload := r.Len()
			if want.kind == frameReset && head.Length >= 4 {
				want.code = binary.BigEndian.Uint32(text[len(text)-payload:])
			}
			if i >= len(got) || got[i] != want {
				t.Fatalf("frame %d: want %+v of %+v", i, want, got)
			}
			if _, err := r.Seek(int64(min(int(head.Length), payload)), 1); err != nil {
				t.Fatal(err)
			}
		}
	})
}
