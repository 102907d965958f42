package change

import (
	"bytes"
	"crypto/sha256"
	"path/filepath"
	"testing"
	"time"

	"google.golang.org/grpc/metadata"

	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/internal/authn"
	"github.com/duban-project/duban/services/internal/authz"
	"github.com/duban-project/duban/services/internal/fault"
	"github.com/duban-project/duban/services/internal/store"
	"github.com/duban-project/duban/services/internal/store/bolt"
)

// book has what a request is known by.
var book = &Book{Pseudonym: func(name string) []byte {
	sum := sha256.Sum256([]byte("key" + name))
	return sum[:16]
}}

// known is the identity of a request of that id to a method.
func known(t *testing.T, method, id string) identity {
	t.Helper()
	access := &authz.Access{Method: &authz.Method{FullName: method}, Principal: authn.Principal{Name: "units/a/members/b"}}
	is, err := identify(t.Context(), book, access, &organizationv1.CreateUnitRequest{UnitId: "u", RequestId: id})
	if err != nil {
		t.Fatal(err)
	}
	return is
}

// Requests of two methods may have the same bytes, and are two nonetheless.
func TestARequestIDIsOfOneMethod(t *testing.T) {
	one, again, other := known(t, "/duban.x.v1.X/One", "r"), known(t, "/duban.x.v1.X/One", "r"), known(t, "/duban.x.v1.X/Other", "r")
	if bytes.Contains(one.key, []byte("units/a/members/b")) {
		t.Errorf("%q says whose request it is", one.key)
	}
	if one.digest != again.digest || !bytes.Equal(one.key, other.key) || one.digest == other.digest {
		t.Errorf("one %v, again %v, the other method %v", one, again, other)
	}
}

// In metadata blanks pass the rules of fields by, and would make all who send them one.
func TestARequestIDIsNotBlank(t *testing.T) {
	ctx := metadata.NewIncomingContext(t.Context(), metadata.Pairs("idempotency-key", "  "))
	_, err := identify(ctx, book, &authz.Access{Method: &authz.Method{}, Principal: authn.Principal{Name: "machines/m"}}, &organizationv1.CreateUnitRequest{})
	if f := fault.As(err); f == nil || !f.Is(ErrFields) || f.Fields[0].Path != "Idempotency-Key" {
		t.Errorf("an id of blanks: %v", err)
	}
}

// The README of whoever relies on it says seven days.
func TestARequestIDIsKeptSevenDaysAndThenForgotten(t *testing.T) {
	e, err := bolt.Open(filepath.Join(t.TempDir(), "store"), bolt.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	}()
	first, now := known(t, "/duban.x.v1.X/One", "first"), time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		id    string
		after time.Duration
		there bool
	}{
		{"first", 0, true}, {"second", 7 * 24 * time.Hour, true}, {"third", 7*24*time.Hour + time.Second, false},
	} {
		err := e.Update(t.Context(), func(tx store.Tx) error {
			if err := known(t, "/duban.x.v1.X/One", c.id).keep(tx, now.Add(c.after), nil, &organizationv1.Unit{Name: "units/u"}); err != nil {
				return err
			}
			answer, err := first.answered(tx, nil, &organizationv1.Unit{})
			if (answer != nil) != c.there {
				t.Errorf("after %v the first answer is there: %v, want %v", c.after, answer != nil, c.there)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}
