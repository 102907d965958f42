package bundle_test

import (
	"bytes"
	"errors"
	"testing"

	federationv1 "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
	"github.com/duban-project/duban/services/federation/bundle"
)

func written(t testing.TB) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := bundle.NewWriter(&out, bundle.Receipt)
	if err != nil {
		t.Fatal(err)
	}
	for _, origin := range []string{"a", "b"} {
		ack := &federationv1.ReplicateResponse{Message: &federationv1.ReplicateResponse_Ack{Ack: &federationv1.Ack{Origin: origin, Size: 7}}}
		if err := w.Put(ack); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// origins reads a file.
func origins(b []byte) (all string, err error) {
	err = bundle.Each(bytes.NewReader(b), bundle.Receipt, func(m *federationv1.ReplicateResponse) error {
		all += m.GetAck().GetOrigin()
		return nil
	})
	return all, err
}

func TestWhatIsWrittenIsRead(t *testing.T) {
	if got, err := origins(written(t)); got != "ab" || err != nil {
		t.Errorf("read %q, %v", got, err)
	}
}

// TestEveryDamageIsFound: each byte flipped, each length cut off, something added.
func TestEveryDamageIsFound(t *testing.T) {
	whole := written(t)
	for i := range whole {
		flipped := bytes.Clone(whole)
		flipped[i] ^= 1
		for what, b := range map[string][]byte{"flipped": flipped, "cut": whole[:i]} {
			if _, err := origins(b); !errors.Is(err, bundle.ErrDamaged) {
				t.Errorf("%s at %d: %v", what, i, err)
			}
		}
	}
	if _, err := origins(append(bytes.Clone(whole), 0)); !errors.Is(err, bundle.ErrDamaged) {
		t.Errorf("with a byte after its end: %v", err)
	}
	if err := bundle.Each(bytes.NewReader(whole), bundle.Bundle, func(*federationv1.ReplicateRequest) error { return nil }); !errors.Is(err, bundle.ErrDamaged) {
		t.Errorf("a receipt is taken for a bundle: %v", err)
	}
}

// FuzzRead takes any bytes for a file: that must end, without a panic.
func FuzzRead(f *testing.F) {
	f.Add(written(f))
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := origins(b); err != nil && !errors.Is(err, bundle.ErrDamaged) {
			t.Error(err)
		}
	})
}
