package suite

import (
	"errors"
	"fmt"

	"github.com/duban-project/duban/services/internal/authn/oidc"
)

// Identity says who is believed to say who calls.
type Identity struct {
	// Issuers are the identity providers whose tokens are taken beside keys; none
	// by default.
	Issuers oidc.Issuers `yaml:"issuers"`
	// KeysSign says whether a key is enough for what counts as a signature. Without
	// it, a person signs only with a token that shows a second factor.
	KeysSign bool `yaml:"keys_sign"`
}

// Check returns every mistake at once.
func (i Identity) Check() error {
	var mistakes []error
	names := map[string]bool{}
	for _, issuer := range i.Issuers {
		if err := issuer.Check(); err != nil {
			mistakes = append(mistakes, fmt.Errorf("identity.issuers: %q: %w", issuer.Issuer, err))
		}
		if names[issuer.Issuer] {
			mistakes = append(mistakes, fmt.Errorf("identity.issuers: %q is there twice", issuer.Issuer))
		}
		names[issuer.Issuer] = true
	}
	return errors.Join(mistakes...)
}
