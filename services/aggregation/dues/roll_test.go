package dues_test

import (
	"fmt"
	"iter"
	"testing"
	"time"

	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/aggregation/dues"
	"github.com/duban-project/duban/services/internal/calendar"
	"github.com/duban-project/duban/services/internal/change"
)

// tree is a city of schools that owe nothing, and counts how often any was looked at.
type tree struct {
	dues.Directory
	turns  uint64
	looked int
}

func (t *tree) Turns() uint64 { return t.turns }

func (t *tree) Whole(name string) (all []string) {
	for i := range 600 {
		all = append(all, fmt.Sprintf("units/s%d", i))
	}
	t.looked += len(all)
	return append(all, name)
}

func (t *tree) Stands(string, time.Time, time.Time) iter.Seq2[*organizationv1.Unit, int] {
	t.looked++
	return func(yield func(*organizationv1.Unit, int) bool) {
		yield(&organizationv1.Unit{Kind: organizationv1.Unit_KIND_SCHOOL}, 2)
	}
}

// A status asks what is owed at every call: while the tree and the day stand still, no
// unit is looked at again, nor is it asked for each which day it is.
func TestWhatIsOwedIsReckonedOnce(t *testing.T) {
	asked, now := 0, time.Date(2026, 3, 10, 1, 0, 0, 0, time.UTC)
	book := &change.Book{Now: func() time.Time { asked++; return now }}
	units := &tree{}
	ledger := dues.New(book, units, &calendar.Calendar{})
	ask := func(what string, fresh bool) {
		t.Helper()
		units.looked, asked = 0, 0
		if late, err := ledger.Missing(nil, dues.Place{Unit: "units/city"}); err != nil || len(late.Items) > 0 {
			t.Errorf("%s: %v is missing, %v", what, late.Items, err)
		}
		if (units.looked > 0) != fresh || asked > 5 {
			t.Errorf("%s: units were looked at %d times, and it was asked %d times which day it is", what, units.looked, asked)
		}
	}
	ask("at first", true)
	ask("again", false)
	units.turns++
	ask("once the tree has turned", true)
	ask("again then", false)
	now = now.AddDate(0, 0, 1)
	ask("the next day", true)
	ask("again that day", false)
}
