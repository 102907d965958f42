package server

import (
	"errors"
	"slices"
	"strconv"
	"testing"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	complaintv1 "github.com/duban-project/duban/proto/gen/go/duban/complaint/v1"
	"github.com/duban-project/duban/services/internal/authz"
	"github.com/duban-project/duban/services/internal/change"
	"github.com/duban-project/duban/services/internal/store"
)

// TestALostCaseIsLookedForOnce, whether its unit is found or not, until there are other
// units.
func TestALostCaseIsLookedForOnce(t *testing.T) {
	var known concerned
	units, hashes := []string{"units/a", "units/b", "units/c"}, 0
	hide := func(unit string) []byte { hashes++; return []byte("mark of " + unit) }
	all := func() []string { return units }
	for _, step := range []struct {
		mark, want string
		hashes     int
	}{
		{"", "", 0},
		{"mark of units/b", "units/b", 2},
		{"mark of units/b", "units/b", 0},
		{"mark of units/d", "", 3},
		{"mark of units/d", "", 0},
	} {
		hashes = 0
		if got := known.unit([]byte(step.mark), all, hide); got != step.want || hashes != step.hashes {
			t.Errorf("%q is %q by %d hashes, want %q by %d", step.mark, got, hashes, step.want, step.hashes)
		}
	}
	units = append(slices.Clone(units), "units/d")
	if got := known.unit([]byte("mark of units/d"), all, hide); got != "units/d" {
		t.Errorf("once there is the unit: %q", got)
	}
	for i := range remembered + 1 {
		known.put([]byte(strconv.Itoa(i)), finding{of: i})
	}
	if len(known.known) > remembered {
		t.Errorf("%d cases are kept in mind", len(known.known))
	}
}

// broken is a store that cannot be read.
type broken struct{ store.Tx }

var errDisk = errors.New("the disk is gone")

func (broken) Get(string, []byte) ([]byte, error) { return nil, errDisk }

// flat is a tree in which no unit was merged into another.
type flat struct{ Tree }

func (flat) Heir(unit string) string { return unit }

// TestAStoreThatCannotBeReadLosesNoCase: nor does a case seem to be in order.
func TestAStoreThatCannotBeReadLosesNoCase(t *testing.T) {
	tx := &change.Tx{Tx: broken{}, Access: &authz.Access{Method: &authz.Method{Rule: &accessv1.Rule{Public: true}}}}
	s := &Service{Parts: Parts{Tree: flat{}}}
	if c, err := s.shown(tx, &complaintv1.Complaint{Sealed: true}); !errors.Is(err, errDisk) {
		t.Errorf("a sealed case: %v, %v", c, err)
	}
	if c, err := s.shown(tx, &complaintv1.Complaint{Text: "x"}); err != nil || c.GetUnreadable() {
		t.Errorf("an open case: %v, %v", c, err)
	}
}
