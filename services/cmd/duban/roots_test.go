package main

import (
	"crypto/x509"
	"os"
	"os/exec"
	"testing"
)

// TestWhereThereAreNoAuthoritiesItsOwnAreBelieved: an image of nothing but the binary has
// no certificate authorities, and webhooks, identity providers and collectors are verified
// all the same.
func TestWhereThereAreNoAuthoritiesItsOwnAreBelieved(t *testing.T) {
	if os.Getenv("SSL_CERT_FILE") != "/nowhere" {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$")
		cmd.Env = append(os.Environ(), "SSL_CERT_FILE=/nowhere", "SSL_CERT_DIR=/nowhere")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v: %s", err, out)
		}
		return
	}
	if all, err := x509.SystemCertPool(); err != nil || all.Equal(x509.NewCertPool()) {
		t.Errorf("nobody is believed, %v", err)
	}
}
