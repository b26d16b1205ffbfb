//go:build !race

package runtime

const slowdown = 1
