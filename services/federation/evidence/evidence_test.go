package evidence_test

import (
	"errors"
	"path/filepath"
	"testing"

	"google.golang.org/protobuf/proto"

	federationv1 "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
	"github.com/duban-project/duban/services/federation/evidence"
	"github.com/duban-project/duban/services/internal/store"
	"github.com/duban-project/duban/services/internal/store/bolt"
)

// TestEvidenceIsOfItsEra: none is read as another's, or goes with another's.
func TestEvidenceIsOfItsEra(t *testing.T) {
	engine, err := bolt.Open(filepath.Join(t.TempDir(), "s.db"), bolt.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = engine.Close() }()
	const first, second = "edu.example/510100/campaign/1", "edu.example/510100/campaign/7"
	of := func(origin, note string) *federationv1.Evidence {
		return &federationv1.Evidence{Origin: origin, Of: &federationv1.Evidence_Rollback{Rollback: &federationv1.Rollback{Note: note}}}
	}
	err = engine.Update(t.Context(), func(tx store.Tx) error {
		reads := func(what, origin string, want *federationv1.Evidence) {
			t.Helper()
			got, err := evidence.Of(tx, origin)
			if want == nil && !errors.Is(err, store.ErrNotFound) || want != nil && !proto.Equal(got, want) {
				t.Errorf("%s: %v, %v; want %v", what, got, err, want)
			}
		}
		old, now := of(first, "old"), of(second, "now")
		reads("none", first, nil)
		err := evidence.Keep(tx, first, old)
		reads("of the first", first, old)
		reads("of the second", second, nil)
		err = errors.Join(err, evidence.Forget(tx, second))
		reads("once the second is forgotten", first, old)
		err = errors.Join(err, evidence.Keep(tx, second, now), evidence.Keep(tx, second, now))
		reads("of the first, beside the second", first, old)
		reads("of the second, beside the first", second, now)
		err = errors.Join(err, evidence.Forget(tx, second))
		reads("of the first, after the second", first, old)
		reads("of the second, forgotten", second, nil)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
