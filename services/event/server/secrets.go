package server

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/duban-project/duban/services/event"
	"github.com/duban-project/duban/services/internal/store"
)

// formerMost is how many secrets of before may sign beside the current one: the
// signatures of all are in one header.
const formerMost = 5

// errSealed is what stands in the way of a webhook whose secrets do not open.
var errSealed = errors.New("the secrets do not open under the installation's key")

// errAddress is what stands in the way of a webhook whose address was lost with a tail.
var errAddress = errors.New("its address is lost")

// secrets are the encrypted keys of a webhook.
type secrets struct {
	Current []byte
	Former  []former // the newest last
}

// former is a key that was current before a rotation.
type former struct {
	Key   []byte
	Until int64 // when it signs no more, in seconds since 1970
}

func (s secrets) put(tx store.Tx, webhook string) error {
	b, err := json.Marshal(s)
	if err != nil {
		return err
	}
	return tx.Put(secretsBucket, []byte(webhook), b)
}

// readSecrets returns those of a webhook, none if they were lost with a tail.
func readSecrets(tx store.Tx, webhook string) (s secrets, err error) {
	b, there, err := store.Seek(tx, secretsBucket, []byte(webhook))
	switch {
	case err != nil:
		return s, fmt.Errorf("reading the secrets of %s: %w", webhook, err)
	case !there:
		return s, nil
	}
	return s, json.Unmarshal(b, &s)
}

// signing are the secrets of before that sign at now.
func (s secrets) signing(now time.Time) []former {
	return slices.DeleteFunc(slices.Clone(s.Former), func(f former) bool { return now.Unix() >= f.Until })
}

// retired are the secrets of before once the current one is one of them, until the
// overlap has passed. Without an overlap there are none: who ends a secret at once
// fears that others know it, and so perhaps those before it.
func (s secrets) retired(now time.Time, overlap time.Duration) (secrets, error) {
	if overlap == 0 || len(s.Current) == 0 {
		return secrets{}, nil
	}
	signing := s.signing(now)
	if len(signing) >= formerMost {
		return s, event.ErrSecrets.With("limit", strconv.Itoa(formerMost))
	}
	return secrets{Former: append(signing, former{s.Current, now.Add(overlap).Unix()})}, nil
}

// end is when the last of the secrets of before signs no more; now if there is none.
func (s secrets) end(now time.Time) time.Time {
	end := now
	for _, f := range s.Former {
		if until := time.Unix(f.Until, 0); until.After(end) {
			end = until
		}
	}
	return end
}

// keys decrypts those that sign at now.
func (s *Service) keys(kept secrets, webhook string, now time.Time) (keys [][]byte, err error) {
	sealed := [][]byte{kept.Current}
	for _, f := range kept.signing(now) {
		sealed = append(sealed, f.Key)
	}
	for _, one := range sealed {
		key, err := s.Vault.Open(webhook, one)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errSealed, err)
		}
		keys = append(keys, key)
	}
	return keys, nil
}
