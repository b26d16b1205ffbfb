//go:build race

package runtime

// slowdown is how much longer code takes under the race detector: budgets of CPU time are meant for code without it.
const slowdown = 10
