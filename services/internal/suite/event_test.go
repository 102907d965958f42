package suite

import (
	"net/netip"
	"testing"
)

// TestNoOwnAddressIsATarget: whoever of the installation, or of what runs beside it,
// listens there, and in whichever process.
func TestNoOwnAddressIsATarget(t *testing.T) {
	c := Default()
	c.HTTP, c.GRPC, c.Metrics, c.Peers.Listen = "0.0.0.0:1001", "127.0.0.1:1002", ":1003", "[::1]:1004"
	c.Federation.Listen, c.Sandbox.HTTP, c.Sandbox.GRPC = "0.0.0.0:1005", "127.0.0.1:1006", "127.0.0.1:1007"
	c.Peers.Addresses = map[string]string{
		"campaign": "127.0.0.1:1008", "complaint": "203.0.113.7:1009", "organization": "localhost:1010", "evaluation": "no name:1011",
	}
	owned := []string{
		"127.0.0.1:1001", "127.0.0.1:1002", "[::1]:1003", "[::1]:1004", "127.0.0.1:1005", "127.0.0.1:1006", "127.0.0.1:1007",
		"127.0.0.1:1008", "203.0.113.7:1009", "127.0.0.1:1010",
	}
	for who, c := range map[string]Config{"the installation": c, "the sandbox beside it": c.AsSandbox()} {
		for _, at := range append(owned, "203.0.113.9:1011") { // whose name cannot be resolved may be there
			if !c.own(netip.MustParseAddrPort(at)) {
				t.Errorf("%s takes %s for somebody else's", who, at)
			}
		}
		for _, at := range []string{"127.0.0.1:1999", "203.0.113.9:1001", "203.0.113.9:1005", "203.0.113.9:1009", "203.0.113.7:443"} {
			if c.own(netip.MustParseAddrPort(at)) {
				t.Errorf("%s takes %s for its own", who, at)
			}
		}
	}
}
