//go:build !race

package services_test

// raced is whether the race detector looks on.
const raced = false
