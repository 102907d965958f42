package authn_test

import (
	"strings"
	"testing"

	"github.com/duban-project/duban/services/internal/authn"
)

func TestAKeyIsReadAsItWasWritten(t *testing.T) {
	const want = "duban_k1_secret49144d44" // the checksum by Python's zlib
	token := authn.Real.Join("k1", "secret")
	if token != want {
		t.Errorf("Join = %q, want %q", token, want)
	}
	if id, secret, ok := authn.Real.Split(token); id != "k1" || secret != "secret" || !ok {
		t.Errorf("Split = %q, %q, %v", id, secret, ok)
	}
}

func TestWhatIsNoKeyIsSeenByItself(t *testing.T) {
	good := authn.Real.Join("k1", "secret")
	bad := []string{
		"", "duban_", good[1:], good + "0", good[:len(good)-1], strings.ToUpper(good),
		authn.Real.Join("", "secret"), authn.Real.Join("k1", ""), authn.Real.Join(strings.Repeat("k", 64), "secret"),
	}
	for i := range good { // one character mistyped
		bad = append(bad, good[:i]+string(good[i]^1)+good[i+1:])
	}
	for _, token := range bad {
		if _, _, ok := authn.Real.Split(token); ok {
			t.Errorf("Split(%q) is ok", token)
		}
	}
}
