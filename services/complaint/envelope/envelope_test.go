package envelope_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/duban-project/duban/services/complaint/envelope"
)

func desks(seed byte) envelope.Desks {
	return envelope.Desks{Secret: func(desk string) []byte {
		return append(bytes.Repeat([]byte{seed}, 32), desk...)
	}}
}

func TestOnlyTheSameDeskOpensTheSameThing(t *testing.T) {
	d := desks(1)
	for _, size := range []int{0, 1, 1019, 1020, 1021, 12_000} {
		content := bytes.Repeat([]byte("举"), size)[:size]
		sealed, err := d.Seal("units/a", "content of complaints/1", content)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := d.Open("units/a", "content of complaints/1", sealed); err != nil || !bytes.Equal(got, content) {
			t.Errorf("%d bytes came back as %d, %v", size, len(got), err)
		}
		broken := bytes.Clone(sealed)
		broken[len(broken)-1] ^= 1
		for what, open := range map[string]func() ([]byte, error){
			"another desk":         func() ([]byte, error) { return d.Open("units/b", "content of complaints/1", sealed) },
			"another thing":        func() ([]byte, error) { return d.Open("units/a", "content of complaints/2", sealed) },
			"another installation": func() ([]byte, error) { return desks(2).Open("units/a", "content of complaints/1", sealed) },
			"a changed byte":       func() ([]byte, error) { return d.Open("units/a", "content of complaints/1", broken) },
			"nothing":              func() ([]byte, error) { return d.Open("units/a", "content of complaints/1", nil) },
		} {
			if _, err := open(); !errors.Is(err, envelope.ErrBroken) {
				t.Errorf("%s opens %d bytes: %v", what, size, err)
			}
		}
	}
}

func TestTheLengthTellsLittleAndNoTwoSealingsAreAlike(t *testing.T) {
	lengths := map[int]bool{}
	seen := map[string]bool{}
	for size := range 1020 {
		sealed, err := desks(1).Seal("units/a", "x", make([]byte, size))
		if err != nil {
			t.Fatal(err)
		}
		lengths[len(sealed)] = true
		seen[string(sealed)] = true
	}
	if len(lengths) != 1 || len(seen) != 1020 {
		t.Errorf("%d lengths and %d different sealings, want 1 and 1020", len(lengths), len(seen))
	}
}

func TestASlotHasTheBoxesKeyAndAShortSecretIsRefused(t *testing.T) {
	box, err := envelope.NewBox(bytes.Repeat([]byte{7}, 32))
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := box.Slot.Seal("identity", []byte("name"))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := box.Open("identity", sealed); err != nil || string(got) != "name" {
		t.Errorf("the box opens what its slot sealed as %q, %v", got, err)
	}
	if _, err := envelope.NewBox([]byte("short")); err == nil {
		t.Error("a short secret makes a box")
	}
}
