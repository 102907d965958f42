package server_test

import (
	"flag"
	"os"
	"testing"
)

// TestMain lets random histories be fewer than rapid's hundred, as each is counted
// at many moments; make torture asks for a thousand by -rapid.checks.
func TestMain(m *testing.M) {
	if err := flag.Set("rapid.checks", "15"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}
