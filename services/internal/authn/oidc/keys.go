package oidc

import (
	"context"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"golang.org/x/sync/semaphore"

	"github.com/duban-project/duban/services/internal/authn"
)

// When an issuer is asked for its keys.
const (
	fresh    = 15 * time.Minute // a key is believed without asking
	held     = 24 * time.Hour   // a key is believed while the issuer cannot be asked
	interval = 30 * time.Second // between two fetches, whatever tokens name
	patience = 5 * time.Second  // a fetch takes at most
)

// waiters is how many calls wait at once for issuers to answer: each has one of the
// places in which all calls run, whoever made up its token.
const waiters = 32

// keySet is what an issuer signs with. It is fetched when a token names a key
// that is not there, or one that is no longer fresh, and never more often than
// the interval allows: whoever makes tokens up causes no traffic.
type keySet struct {
	fetch  func(context.Context) (map[string]jose.JSONWebKey, error)
	failed func(error)
	now    func() time.Time
	waits  *semaphore.Weighted // all issuers' waiters

	mu      sync.Mutex
	keys    map[string]jose.JSONWebKey // by kid
	fetched time.Time                  // the last success
	tried   time.Time
	down    bool          // the last try failed
	flight  chan struct{} // closed when the fetch under way ends; nil for none
}

// find returns the key of that id.
func (s *keySet) find(ctx context.Context, kid string) (jose.JSONWebKey, error) {
	if kid == "" {
		return jose.JSONWebKey{}, refused("it names no key")
	}
	if k, age, ok := s.look(kid); ok && age < fresh {
		return k, nil
	}
	s.refresh(ctx, kid)
	s.mu.Lock()
	defer s.mu.Unlock()
	k, ok := s.keys[kid]
	switch {
	case ok && s.now().Sub(s.fetched) < held:
		return k, nil
	case s.down || s.flight != nil:
		return jose.JSONWebKey{}, authn.ErrIssuerUnavailable
	default:
		return jose.JSONWebKey{}, refused("a key that the issuer does not have")
	}
}

// look returns a key that is there, and how long ago that was heard.
func (s *keySet) look(kid string) (k jose.JSONWebKey, age time.Duration, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k, ok = s.keys[kid]
	return k, s.now().Sub(s.fetched), ok
}

// refresh fetches the keys, unless that was tried a moment ago. Who needs a key
// that is not there waits for a fetch that is under way, unless too many do; others do not.
func (s *keySet) refresh(ctx context.Context, kid string) {
	flight, mine := s.board(kid)
	if !mine {
		if !s.waits.TryAcquire(1) {
			return
		}
		defer s.waits.Release(1)
		select {
		case <-flight:
		case <-ctx.Done():
		}
		return
	}
	defer s.land(flight)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	keys, err := s.fetch(ctx)
	if err != nil {
		s.failed(err)
	}
	s.learn(keys, err)
}

// board begins a fetch, which is then the caller's, or returns what to wait for.
func (s *keySet) board(kid string) (flight chan struct{}, mine bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, there := s.keys[kid]
	if s.flight != nil && !there {
		return s.flight, false
	}
	now := s.now()
	if s.flight != nil || now.Sub(s.tried) < interval {
		flight = make(chan struct{})
		close(flight)
		return flight, false
	}
	s.tried, s.flight = now, make(chan struct{})
	return s.flight, true
}

func (s *keySet) learn(keys map[string]jose.JSONWebKey, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down = err != nil; !s.down {
		s.keys, s.fetched = keys, s.now()
	}
}

func (s *keySet) land(flight chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.flight = nil
	close(flight)
}
