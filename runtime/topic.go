package runtime

import (
	"fmt"
	"strings"
	"sync"

	"github.com/fortunadws/fortuna/edge/exchange"
	"github.com/fortunadws/fortuna/runtime/web"
)

// topics is who has subscribed to what, on this node.
type topics struct {
	mu      sync.RWMutex
	members map[string]map[*socket]struct{}
}

// join subscribes a socket.
func (t *topics) join(s *socket, topic string, max int) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if s.state.Load() != web.SocketOpen {
		return nil // it would never leave
	}
	if _, has := s.topics[topic]; !has && len(s.topics) >= max {
		return fmt.Errorf("the socket has %d topics: limits.topics_max = %d", len(s.topics), max)
	}
	topic = strings.Clone(topic) // else the message that code cut it from would stay
	if t.members == nil {
		t.members = map[string]map[*socket]struct{}{}
	}
	if t.members[topic] == nil {
		t.members[topic] = map[*socket]struct{}{}
	}
	t.members[topic][s] = struct{}{}
	if s.topics == nil {
		s.topics = map[string]struct{}{}
	}
	s.topics[topic] = struct{}{}
	return nil
}

// unsubscribe takes a socket off a topic.
func (t *topics) unsubscribe(s *socket, topic string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.remove(s, topic)
}

func (t *topics) remove(s *socket, topic string) {
	delete(s.topics, topic)
	delete(t.members[topic], s)
	if len(t.members[topic]) == 0 {
		delete(t.members, topic)
	}
}

// leave takes a socket off every topic.
func (t *topics) leave(s *socket) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for topic := range s.topics {
		t.remove(s, topic)
	}
}

func (t *topics) has(s *socket, topic string) bool {
	t.mu.RLock()
	defer t.mu.RUnlock()
	_, has := s.topics[topic]
	return has
}

func (t *topics) count(topic string) int {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return len(t.members[topic])
}

// publish sends a message to every socket of a topic but one, which may be nil. Each loop is told once. It returns the
// bytes of the message, 0 when nobody gets it.
func (t *topics) publish(topic string, text bool, p []byte, but *socket) int {
	byLoop := map[exchange.Loop][]*socket{}
	t.mu.RLock()
	for s := range t.members[topic] {
		if s != but {
			byLoop[s.home] = append(byLoop[s.home], s)
		}
	}
	t.mu.RUnlock()
	for home, sockets := range byLoop {
		home.Post(func() {
			for _, s := range sockets {
				if s.state.Load() == web.SocketOpen {
					s.send(text, p)
				}
			}
		})
	}
	if len(byLoop) == 0 {
		return 0
	}
	return max(len(p), 1)
}
