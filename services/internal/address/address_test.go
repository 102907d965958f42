package address_test

import (
	"testing"

	"github.com/duban-project/duban/services/internal/address"
)

// Origins are compared as browsers send them: what none would ever send lets nobody in.
func TestOriginsAreWrittenAsBrowsersSendThem(t *testing.T) {
	for origin, want := range map[string]bool{
		"*": true, "https://portal.example": true, "http://localhost:8080": true, "http://192.0.2.1": true, "https://[2001:db8::1]:8443": true, "https://xn--fiqs8s.example": true,
		"https://*.example": false, "https://Portal.example": false, "HTTPS://portal.example": false, "https://portal.example:443": false, "http://portal.example:80": false,
		"https://门户.example": false, "https://portal.example/": false, "https://a@portal.example": false, "portal.example": false, "https://": false, "null": false, "https://portal.example:": false,
	} {
		if err := address.Origins([]string{origin}); (err == nil) != want {
			t.Errorf("%s is taken: %v, want %v (%v)", origin, err == nil, want, err)
		}
	}
	if address.Origins([]string{"*", "https://portal.example"}) == nil {
		t.Error("all and one are taken")
	}
}
