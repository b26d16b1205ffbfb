package kv_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/fortunadws/fortuna/kv"
	"github.com/fortunadws/fortuna/kv/embedded"
)

func TestLog(t *testing.T) {
	server, err := embedded.Solo(embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	s, err := kv.Open(server, "test")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	l, err := s.Log(ctx, kv.LogConfig{Name: "apps", BytesMax: 4 << 10, Kept: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	begun := time.Now().Add(-time.Minute)
	for i := range 100 { // more than there is room for
		for _, of := range []string{"shop", "blog.x"} {
			if err := l.Append(of, fmt.Appendf(nil, "%s %d", of, i)); err != nil {
				t.Fatal(err)
			}
		}
	}
	var got []string
	take := func(p []byte) error { got = append(got, string(p)); return nil }
	for len(got) == 0 || got[len(got)-1] != "shop 99" { // what was published last may not be kept yet
		got = nil
		if err := l.Read(ctx, "shop", begun, false, take); err != nil {
			t.Fatal(err)
		}
	}
	if len(got) < 5 || len(got) > 60 {
		t.Errorf("%d entries of 4 kB: %q", len(got), got)
	}
	if err := l.Read(ctx, "shop", time.Now().Add(time.Hour), false, take); err != nil {
		t.Error(err)
	}
	// Who follows hears what comes.
	got = nil
	enough := errors.New("enough")
	go func() { _ = l.Append("shop", []byte("later")) }() // the reader says whether it came
	err = l.Read(ctx, "shop", begun, true, func(p []byte) error {
		if string(p) == "later" {
			return enough
		}
		return nil
	})
	if !errors.Is(err, enough) {
		t.Error(err)
	}
	if err := l.Append("shop", make([]byte, 2<<20)); !errors.Is(err, kv.ErrTooLarge) {
		t.Errorf("too large: %v", err)
	}
}
