package upkeep

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/duban-project/duban/services/internal/store"
	"github.com/duban-project/duban/services/internal/store/bolt"
)

// TestABackupOfWhatIsDamagedIsNone: a copy that does not say its version, or whose file is
// damaged, is refused as what it is.
func TestABackupOfWhatIsDamagedIsNone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "campaign.db")
	engine, err := bolt.Open(path, bolt.Options{})
	if err != nil {
		t.Fatal(err)
	}
	err = errors.Join(store.Migrate(t.Context(), engine, store.Schema{}), engine.Close())
	if err != nil {
		t.Fatal(err)
	}
	if is, err := look(t.Context(), "campaign", path); err != nil || is.Version != 1 {
		t.Errorf("of one that is whole: %+v, %v", is, err)
	}
	if engine, err = bolt.Open(path, bolt.Options{}); err != nil {
		t.Fatal(err)
	}
	err = engine.Update(t.Context(), func(tx store.Tx) error { return tx.Put(store.VersionBucket, []byte("version"), store.Number(0)) })
	if err := errors.Join(err, engine.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := look(t.Context(), "campaign", path); !errors.Is(err, store.ErrNoVersion) {
		t.Errorf("of the version 0: %v", err)
	}
	b, err := os.ReadFile(path)
	if err == nil {
		// What it says of its version, behind the head of a leaf and one element, lies far
		// behind the end of the file.
		for at := range b {
			if bytes.HasPrefix(b[at:], []byte("version")) {
				binary.NativeEndian.PutUint32(b[at-12:], 0xF0000000)
			}
		}
		err = os.WriteFile(path, b, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := look(t.Context(), "campaign", path); !errors.Is(err, bolt.ErrDamaged) {
		t.Errorf("of a version that lies nowhere: %v", err)
	}
	if err == nil {
		clear(b[2*os.Getpagesize():])
		err = os.WriteFile(path, b, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := look(t.Context(), "campaign", path); !errors.Is(err, bolt.ErrDamaged) {
		t.Errorf("of zeroed pages: %v", err)
	}
}
