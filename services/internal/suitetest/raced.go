//go:build race

package suitetest

// Raced is whether the race detector looks on, which makes each call five times as
// dear. What tries the same code over and over asks it, and tries fewer cases: `make
// test` runs such a test both ways.
const Raced = true
