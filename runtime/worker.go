package runtime

import (
	"sync"
)

// lane is a queue of invocations and the workers that serve them.
type lane struct {
	dep     *Deployment
	workers int
	load    *load // of all lanes: a route may change its lane under load
	queue   chan *invocation
	done    chan struct{} // closed when the deployment has drained
}

// How far workers stand back behind the event loops when cores are short, as nice values. Routes with slow turns stand
// further back, so that an endless loop costs the others little. Not all the way: to collect garbage Go stops every
// thread, and waits for one that the system does not let run.
const (
	workerNice = 5
	slowNice   = 10
)

// newLane starts workers with VMs of their own, made when first needed. ready, when not nil, is the first one's.
func newLane(d *Deployment, workers, nice int, load *load, ready *vm) *lane {
	l := &lane{dep: d, workers: workers, load: load, queue: make(chan *invocation, d.rt.cfg.Limits.QueueMax), done: make(chan struct{})}
	for range workers {
		w := &worker{lane: l, nice: nice}
		w.jobs.bell = make(chan struct{}, 1)
		if ready != nil {
			w.own(ready)
			ready = nil
		}
		go w.run()
	}
	return l
}

// offer queues an invocation, or says why it cannot. It runs on the invocation's loop.
func (l *lane) offer(inv *invocation) (refusal *Failure) {
	if inv.timer == nil { // else it was paced, and waits already
		if !l.load.admits(len(l.queue), l.workers, inv.began) {
			l.shorten()
		}
		if len(l.queue) == cap(l.queue) {
			return failNoCapacity(cap(l.queue))
		}
		inv.wait()
	}
	select {
	case l.queue <- inv:
		return nil
	default:
		inv.timer.Stop()
		if !inv.taken.CompareAndSwap(false, true) { // its time was up this very moment
			return nil
		}
		return failNoCapacity(cap(l.queue))
	}
}

// crowded reports whether as many wait as there are workers.
func (l *lane) crowded() bool { return len(l.queue) >= l.workers }

// shorten refuses those that have waited longest until there is room for one more. From any goroutine.
func (l *lane) shorten() {
	for l.crowded() {
		select {
		case inv := <-l.queue:
			inv.shed()
		default: // the workers were faster
		}
	}
}

// worker is a goroutine with a VM: the executor for routes that have not earned the loop.
type worker struct {
	lane   *lane
	nice   int
	thread int32
	vm     *vm
	jobs   mailbox
}

// own makes v this worker's VM.
func (w *worker) own(v *vm) {
	v.post = w.jobs.post
	v.lease.thread.Store(w.thread)
	w.vm = v
}

func (w *worker) run() {
	w.thread = ownThread() // not given up: the thread ends with the worker, and its priority with it
	yieldCPU(w.nice)
	if w.vm != nil {
		w.vm.lease.thread.Store(w.thread)
	}
	for {
		queue := w.lane.queue
		if w.vm != nil && w.vm.inflight >= w.lane.dep.rt.cfg.Limits.InflightMax {
			queue = nil
		}
		select {
		case <-w.jobs.bell:
			w.jobs.run()
		case inv := <-queue:
			if w.lane.load.over.Load() && w.lane.crowded() { // as it has been since before the overload was seen
				inv.shed()
				continue
			}
			w.lane.load.taken.Add(1)
			w.serve(inv)
		case <-w.lane.done:
			if w.vm != nil {
				w.vm.close()
			}
			return
		}
	}
}

func (w *worker) serve(inv *invocation) {
	if w.vm == nil || w.vm.retired {
		v, err := newVM(w.lane.dep)
		if err != nil {
			if inv.take(nil) {
				inv.fail(asFailure(err))
				inv.drop()
			}
			return // the next invocation tries again
		}
		w.own(v)
	}
	if inv.take(w.vm) {
		inv.serve()
	}
}

// mailbox is a list of jobs for one goroutine, posted from any.
type mailbox struct {
	mu   sync.Mutex
	jobs []func()
	bell chan struct{} // holds one token while jobs may be waiting
}

func (m *mailbox) post(job func()) {
	m.mu.Lock()
	m.jobs = append(m.jobs, job)
	m.mu.Unlock()
	select {
	case m.bell <- struct{}{}:
	default:
	}
}

func (m *mailbox) run() {
	m.mu.Lock()
	jobs := m.jobs
	m.jobs = nil
	m.mu.Unlock()
	for _, job := range jobs {
		job()
	}
}
