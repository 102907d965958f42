package rectification_test

import (
	"strings"
	"testing"

	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
	"github.com/duban-project/duban/services/internal/fault"
	"github.com/duban-project/duban/services/rectification"
)

func TestASignatureNeedsEachOfThePlansFields(t *testing.T) {
	if err := signed(unfiled, plannedProblem(planned)); err != nil {
		t.Fatalf("signing what is planned: %v", err)
	}
	for field, empty := range map[string]func(*rectificationv1.Problem){
		"cause":    func(p *rectificationv1.Problem) { p.Cause = "" },
		"measures": func(p *rectificationv1.Problem) { p.Measures = "" },
		"deadline": func(p *rectificationv1.Problem) { p.Deadline = "" },
		"leader":   func(p *rectificationv1.Problem) { p.LeaderResponsible = "" },
		"person":   func(p *rectificationv1.Problem) { p.PersonResponsible = "" },
	} {
		p := plannedProblem(planned)
		empty(p)
		if err := signed(unfiled, p); err == nil {
			t.Errorf("signed without %s", field)
		}
	}
	gone := unplanned(1)
	gone.State = rectificationv1.Problem_STATE_CANCELLED
	if err := signed(unfiled, gone); err != nil {
		t.Errorf("signing what was cancelled: %v", err)
	}
}

func TestTheProblemsWithoutAPlanAreNamedToAnEnd(t *testing.T) {
	var many []*rectificationv1.Problem
	for n := range int32(25) {
		many = append(many, unplanned(n+1))
	}
	f := fault.As(signed(unfiled, many...))
	if f == nil || f.Facts["count"] != "25" || !strings.HasSuffix(f.Facts["numbers"], ", 19, 20 and more") {
		t.Errorf("refused with %v", f)
	}
}

func TestAClosedCampaignsLedgerGoesOnWithWhatItHas(t *testing.T) {
	filed := rectification.Lapse(filedLedger(), "2026-03-10")
	filed.PendingChanges = true
	if err := signed(filed, plannedProblem(planned)); err != nil {
		t.Errorf("signing a supplementary version: %v", err)
	}
	if err := entered(filed, &rectificationv1.Problem{
		Source: rectificationv1.Problem_SOURCE_INSPECTION, Level: rectificationv1.Problem_LEVEL_UNIT, Description: "演示",
	}); err != nil {
		t.Errorf("entering what an inspection found: %v", err)
	}
}

func TestWhatWasNotDueAtTheEndIsNotLate(t *testing.T) {
	for closed, late := range map[string]bool{"": true, "2026-03-20": true, "2026-03-09": false} {
		l := &rectificationv1.Ledger{
			State: rectificationv1.Ledger_STATE_SIGNED, FilingDueDate: "2026-03-09", CampaignCloseDate: closed,
			Signature: &rectificationv1.Signature{},
		}
		f, err := rectification.File(l, nil, submitter, now.AddDate(1, 0, 0))
		if err != nil || f.Ledger.GetFiledLate() != late {
			t.Errorf("closed on %q: late %t, %v; want %t", closed, f.Ledger.GetFiledLate(), err, late)
		}
	}
}
