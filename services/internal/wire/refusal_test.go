package wire

import (
	"bytes"
	"testing"

	"google.golang.org/protobuf/proto"

	faultv1 "github.com/duban-project/duban/proto/gen/go/duban/fault/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/internal/fault"
)

// What is no message is told where it cannot be read, at any depth; what is one is read.
func TestWhatIsNoMessageIsToldWhere(t *testing.T) {
	unit := &organizationv1.CreateUnitRequest{Unit: &organizationv1.Unit{
		DisplayName: "first", Labels: map[string]string{"key1": "value"}, Codes: []*organizationv1.Code{{Scheme: "a"}, {Scheme: "code1"}},
	}}
	for _, c := range []struct{ at, text, reason string }{
		{"unit.display_name", "first", "FIELDS_INVALID"},
		{"unit.labels", "key1", "FIELDS_INVALID"},
		{"unit.labels", "value", "FIELDS_INVALID"},
		{"unit.codes[1].scheme", "code1", "FIELDS_INVALID"},
	} {
		b, err := proto.Marshal(unit)
		if err != nil {
			t.Fatal(err)
		}
		told(t, bytes.Replace(b, []byte(c.text), bytes.Repeat([]byte{0xe9}, len(c.text)), 1), c.reason, c.at)
	}
	for at, b := range map[string][]byte{
		"body": {0xff}, "unit": {0x0a, 5, 1}, "unit.display_name": {0x0a, 2, 0x12, 5}, "": {0x0a, 0},
	} {
		told(t, b, "BODY_MALFORMED", at)
	}
	told(t, bytes.Repeat([]byte{0xff}, 1<<20), "BODY_MALFORMED", "body")
}

// Of a list that is too long nothing is read, at any depth.
func TestAListThatIsTooLongIsNotRead(t *testing.T) {
	most := maxItems((&organizationv1.Unit{}).ProtoReflect().Descriptor().Fields().ByName("codes"))
	unit := &organizationv1.CreateUnitRequest{Unit: &organizationv1.Unit{Codes: make([]*organizationv1.Code, most)}}
	for i := range unit.GetUnit().GetCodes() {
		unit.Unit.Codes[i] = &organizationv1.Code{}
	}
	b, err := proto.Marshal(unit)
	if err != nil || most > 1000 {
		t.Fatal(most, err)
	}
	told(t, b, "", "")
	unit.Unit.Codes = append(unit.Unit.Codes, &organizationv1.Code{})
	if b, err = proto.Marshal(unit); err != nil {
		t.Fatal(err)
	}
	told(t, b, "FIELDS_INVALID", "unit.codes")
}

func told(t *testing.T, b []byte, reason, at string) {
	t.Helper()
	m := &Message{Into: &organizationv1.CreateUnitRequest{}}
	m.Read(b)
	switch {
	case at == "":
		if m.Wrong != nil {
			t.Errorf("%x is refused: %v", b, m.Wrong)
		}
	case m.Wrong == nil || m.Wrong.Reason != reason || len(m.Wrong.Fields) != 1 || m.Wrong.Fields[0].Path != at:
		t.Errorf("%.40x: %v, want %s at %s", b, m.Wrong, reason, at)
	case proto.Size(m.Into) > 0 || !bytes.Equal(m.Bytes, b):
		t.Errorf("%.40x leaves %v", b, m.Into)
	}
}

// However deep messages lie in each other, and whatever is wrong with them, one is told it.
func FuzzWhatIsNoMessageIsRefused(f *testing.F) {
	f.Add([]byte{0x0a, 2, 0x12, 5})
	f.Fuzz(func(t *testing.T, b []byte) {
		m := &Message{Into: &faultv1.Text{}}
		m.Read(b)
		if err := proto.Unmarshal(b, &faultv1.Text{}); (err != nil) != (m.Wrong != nil) || err != nil && (len(m.Wrong.Fields) != 1 || m.Wrong.Fields[0].Path == "" || fault.As(m.Wrong) == nil) {
			t.Errorf("%x is refused: %v, and by the library: %v", b, m.Wrong, err)
		}
	})
}
