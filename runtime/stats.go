package runtime

// Stats is a snapshot of a runtime's VMs, over all its deployments.
type Stats struct {
	Warm    int    // VMs with the code loaded
	Busy    int    // of them in a turn
	Queued  int    // requests that wait for a VM
	Retired uint64 // VMs discarded since the start because their state was in doubt
	// Turns stopped since the start: for limits.cpu_ms, and for limits.turn_bytes.
	StoppedCPU, StoppedMemory uint64
}

// Stats counts. From any goroutine.
func (r *Runtime) Stats() Stats {
	w := r.watchdog
	s := Stats{Retired: w.retired.Load(), StoppedCPU: w.stoppedCPU.Load(), StoppedMemory: w.stoppedMemory.Load()}
	w.mu.Lock()
	s.Warm = len(w.leases)
	for l := range w.leases {
		if l.deadline.Load() != resting {
			s.Busy++
		}
	}
	w.mu.Unlock()
	if d := r.current.Load(); d != nil {
		s.Queued = len(d.workers.queue) + len(d.slow.queue)
	}
	return s
}
