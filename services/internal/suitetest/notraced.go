//go:build !race

package suitetest

// Raced is whether the race detector looks on.
const Raced = false
