package oidc

import (
	"context"
	"errors"
	"strconv"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/duban-project/duban/services/internal/authn"
)

// While issuers do not answer, tokens that strangers make up take few of the places in
// which calls run; the rest is told at once. A key that is there is believed meanwhile.
func TestAnIssuerThatHangsHoldsFew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := New([]Issuer{{Issuer: "https://a.example"}, {Issuer: "https://b.example"}}, time.Now, nil)
		var told atomic.Int64
		hang := make(chan struct{})
		for _, i := range v.issuers {
			i.keys.keys, i.keys.fetched = map[string]jose.JSONWebKey{"known": {KeyID: "known"}}, time.Now()
			i.keys.fetch = func(context.Context) (map[string]jose.JSONWebKey, error) {
				<-hang
				return nil, nil
			}
			for n := range 200 {
				go func() {
					if _, err := i.keys.find(t.Context(), strconv.Itoa(n)); errors.Is(err, authn.ErrIssuerUnavailable) {
						told.Add(1)
					}
				}()
			}
		}
		synctest.Wait()
		if got, want := told.Load(), int64(2*200-2-waiters); got != want {
			t.Errorf("%d of 400 are told at once, want %d", got, want)
		}
		for _, i := range v.issuers {
			if _, err := i.keys.find(t.Context(), "known"); err != nil {
				t.Error(err)
			}
		}
		close(hang)
		synctest.Wait()
		if got, want := told.Load(), int64(2*200-2-waiters); got != want {
			t.Errorf("%d are told that nobody knows, want %d: who waited is refused", got, want)
		}
	})
}
