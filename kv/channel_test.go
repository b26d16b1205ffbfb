package kv_test

import (
	"strings"
	"testing"
	"time"

	"github.com/fortunadws/fortuna/kv"
)

func TestChannel(t *testing.T) {
	for name, sources := range map[string][]kv.Source{"solo": solo(t), "cluster": three(t)} {
		t.Run(name, func(t *testing.T) {
			type message struct {
				topic string
				text  bool
				p     string
			}
			heard := make(chan message, 100)
			open := func(i int, name string, hear func(string, bool, []byte)) *kv.Channel {
				s, err := kv.Open(sources[i%len(sources)], name)
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(s.Close)
				c, err := s.Channel(name, hear)
				if err != nil {
					t.Fatal(err)
				}
				if err := c.Ready(within(t)); err != nil {
					t.Fatal(err)
				}
				return c
			}
			own := open(0, "shop", func(string, bool, []byte) { t.Error("a process hears itself") })
			open(1, "shop", func(topic string, text bool, p []byte) { heard <- message{topic, text, string(p)} })
			open(2, "bank", func(string, bool, []byte) { t.Error("another app hears it") })
			// Members learn of each other's listeners in their own time.
			hello := time.NewTicker(50 * time.Millisecond)
			defer hello.Stop()
			for known := false; !known; {
				if err := own.Publish("hello", true, nil); err != nil {
					t.Fatal(err)
				}
				select {
				case <-heard:
					known = true
				case <-hello.C:
				case <-within(t).Done():
					t.Fatal("nothing is heard")
				}
			}
			for _, m := range []message{{"room 1/é\r\n:x", true, "text"}, {"b", false, "\x00\xff"}, {"big", false, strings.Repeat("x", 900_000)}} {
				if err := own.Publish(m.topic, m.text, []byte(m.p)); err != nil {
					t.Fatal(err)
				}
				for {
					got := <-heard
					if got.topic == "hello" {
						continue
					}
					if got != m {
						t.Errorf("heard %q %t %.50q, want %q %t %.50q", got.topic, got.text, got.p, m.topic, m.text, m.p)
					}
					break
				}
			}
			if err := own.Publish("big", false, make([]byte, 2<<20)); err == nil {
				t.Error("more than a server carries was sent")
			}
		})
	}
}
