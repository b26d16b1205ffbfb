package binding

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/dop251/goja"

	"github.com/fortunadws/fortuna/kv"
	"github.com/fortunadws/fortuna/runtime/web"
)

// Queue takes messages for a queue handler: Workers' Queue. Its methods may be called from any goroutine.
type Queue struct {
	Name  string // in env
	Queue *kv.Queue
	Wait  time.Duration // how long the store is asked before it counts as unavailable
}

var queueClass = web.NewClass("Queue")

func init() {
	queueClass.Define([]web.Member{
		web.Method("send", 1, func(r *web.Realm, q *Queue, c goja.FunctionCall) goja.Value {
			return r.Promised(func() goja.Value {
				what := "env." + q.Name + ".send"
				m := q.message(r, what, c.Argument(0), r.Options(what+": the options", c.Argument(1)), 0)
				return q.send(r, what, m)
			})
		}),
		web.Method("sendBatch", 1, func(r *web.Realm, q *Queue, c goja.FunctionCall) goja.Value {
			return r.Promised(func() goja.Value { return q.sendBatch(r, c) })
		}),
	}, "")
}

// Value is env.NAME in one VM.
func (q *Queue) Value(r *web.Realm) goja.Value { return r.Make(queueClass, q) }

// Kinds of a message's body, as Workers call them. They are kept in its Meta.
const (
	queueJSON  = "json"
	queueText  = "text"
	queueBytes = "bytes"
)

// message reads what send was given. delay is for a message whose options name none.
func (q *Queue) message(r *web.Realm, what string, body goja.Value, options *goja.Object, delay time.Duration) kv.Message {
	m := kv.Message{Meta: queueJSON, Delay: delay}
	if v := web.Field(options, "contentType"); v != nil {
		m.Meta = web.Text(v)
	}
	if v := web.Field(options, "delaySeconds"); v != nil {
		m.Delay = delaySeconds(r, what, v)
	}
	switch m.Meta {
	case queueJSON:
		m.Body = r.StringifyJSON(what, body)
	case queueText:
		if web.Kind(body) != "a string" {
			panic(r.TypeError(`%s: with contentType "text" the body must be a string, got %s`, what, web.Kind(body)))
		}
		m.Body = []byte(web.Text(body))
	case queueBytes:
		b, ok := r.Bytes(body)
		if !ok {
			panic(r.TypeError(`%s: with contentType "bytes" the body must be an ArrayBuffer or a typed array, got %s`, what, web.Kind(body)))
		}
		m.Body = append([]byte(nil), b...)
	default:
		panic(r.TypeError(`%s: contentType must be "json", "text" or "bytes", got %q`, what, m.Meta))
	}
	if len(m.Body) > kv.MessageBytesMax {
		panic(r.Exception("QuotaExceededError", "%s: the message has %d bytes, at most %d are allowed", what, len(m.Body), kv.MessageBytesMax))
	}
	return m
}

// delaySeconds reads a delay.
func delaySeconds(r *web.Realm, what string, v goja.Value) time.Duration {
	n := v.ToFloat()
	if web.Kind(v) != "a number" || n < 0 || n > kv.DelayMax.Seconds() || n != n {
		panic(r.TypeError("%s: delaySeconds must be a number from 0 to %d, got %s", what, int(kv.DelayMax.Seconds()), r.Inspect(v)))
	}
	return time.Duration(n * float64(time.Second))
}

// sendBatch sends up to kv.SendMax messages, all or none.
func (q *Queue) sendBatch(r *web.Realm, c goja.FunctionCall) goja.Value {
	what := "env." + q.Name + ".sendBatch"
	delay := time.Duration(0)
	if v := web.Field(r.Options(what+": the options", c.Argument(1)), "delaySeconds"); v != nil {
		delay = delaySeconds(r, what, v)
	}
	var messages []kv.Message
	total := 0
	r.Each(what+": the messages", c.Argument(0), func(v goja.Value) {
		o := r.Options(fmt.Sprintf("%s: message %d", what, len(messages)), v)
		if o == nil {
			panic(r.TypeError("%s: message %d must be an object { body }, got %s", what, len(messages), web.Kind(v)))
		}
		m := q.message(r, what, o.Get("body"), o, delay)
		if total += len(m.Body); total > batchBytesMax || len(messages) == kv.SendMax {
			panic(r.Exception("QuotaExceededError", "%s: at most %d messages of %d bytes together may be sent at once", what, kv.SendMax, batchBytesMax))
		}
		messages = append(messages, m)
	})
	return q.send(r, what, messages...)
}

// batchBytesMax bounds what is sent at once.
const batchBytesMax = 4 << 20

func (q *Queue) send(r *web.Realm, what string, messages ...kv.Message) goja.Value {
	return r.Await(what, func(ctx context.Context) func() goja.Value {
		ctx, cancel := context.WithTimeout(ctx, q.Wait)
		defer cancel()
		err := q.Queue.Send(ctx, messages...)
		return func() goja.Value {
			if err != nil {
				panic(thrown(r, what, err))
			}
			return goja.Undefined()
		}
	})
}

// Batch is what a queue handler gets: Workers' MessageBatch.
type Batch struct {
	queue    string
	messages []*delivered
	mu       sync.Mutex
	rest     verdict // of those that nothing was said of
}

// delivered is one message of a batch.
type delivered struct {
	*kv.Delivery
	batch   *Batch
	verdict verdict
	body    goja.Value // once it was asked for
}

// verdict is what a handler has said of a message: the first word counts.
type verdict struct {
	said  bool
	again bool
	delay time.Duration // negative: as the queue says
}

var (
	batchClass   = web.NewClass("MessageBatch")
	messageClass = web.NewClass("Message")
)

func init() {
	again := func(r *web.Realm, what string, options goja.Value) verdict {
		v := verdict{said: true, again: true, delay: -1}
		if d := web.Field(r.Options(what+": the options", options), "delaySeconds"); d != nil {
			v.delay = delaySeconds(r, what, d)
		}
		return v
	}
	batchClass.Define([]web.Member{
		web.Getter("queue", func(r *web.Realm, b *inVM) goja.Value { return r.VM.ToValue(b.queue) }),
		web.Getter("messages", func(r *web.Realm, b *inVM) goja.Value { return b.list }),
		web.Method("ackAll", 0, func(_ *web.Realm, b *inVM, _ goja.FunctionCall) goja.Value {
			b.say(&b.rest, verdict{said: true})
			return goja.Undefined()
		}),
		web.Method("retryAll", 0, func(r *web.Realm, b *inVM, c goja.FunctionCall) goja.Value {
			b.say(&b.rest, again(r, "batch.retryAll", c.Argument(0)))
			return goja.Undefined()
		}),
	}, "")
	messageClass.Define([]web.Member{
		web.Getter("id", func(r *web.Realm, m *delivered) goja.Value { return r.VM.ToValue(m.ID) }),
		web.Getter("timestamp", func(r *web.Realm, m *delivered) goja.Value { return date(r, m.Sent) }),
		web.Getter("attempts", func(r *web.Realm, m *delivered) goja.Value { return r.VM.ToValue(m.Attempts) }),
		web.Getter("body", func(r *web.Realm, m *delivered) goja.Value {
			if m.body == nil {
				m.body = m.decode(r)
			}
			return m.body
		}),
		web.Method("ack", 0, func(_ *web.Realm, m *delivered, _ goja.FunctionCall) goja.Value {
			m.batch.say(&m.verdict, verdict{said: true})
			return goja.Undefined()
		}),
		web.Method("retry", 0, func(r *web.Realm, m *delivered, c goja.FunctionCall) goja.Value {
			m.batch.say(&m.verdict, again(r, "message.retry", c.Argument(0)))
			return goja.Undefined()
		}),
	}, "")
}

// inVM is a batch in the VM that has it.
type inVM struct {
	*Batch
	list goja.Value
}

// Value is the batch in one VM.
func (b *Batch) Value(r *web.Realm) goja.Value {
	list := make([]any, len(b.messages))
	for i, m := range b.messages {
		list[i] = r.Make(messageClass, m)
	}
	return r.Make(batchClass, &inVM{b, r.VM.NewArray(list...)})
}

// decode is the body as its sender gave it.
func (m *delivered) decode(r *web.Realm) goja.Value {
	switch m.Meta {
	case queueText:
		return r.VM.ToValue(text(m.Body))
	case queueBytes:
		return r.VM.ToValue(r.VM.NewArrayBuffer(append([]byte(nil), m.Body...)))
	}
	return r.ParseJSON(string(m.Body))
}

// say notes a verdict. A handler that was given up may still speak, so it is guarded.
func (b *Batch) say(of *verdict, v verdict) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !of.said {
		*of = v
	}
}

// of is the verdict on a message in the end: what was said of it, or of all, or what follows from how the handler ended.
func (b *Batch) of(m *delivered, failed bool) verdict {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case m.verdict.said:
		return m.verdict
	case b.rest.said:
		return b.rest
	}
	return verdict{again: failed, delay: -1}
}
