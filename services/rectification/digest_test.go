package rectification_test

import (
	"testing"

	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
	"github.com/duban-project/duban/services/rectification"
)

// The digests were computed from the written encoding by another program in
// another language.
func TestDigestIsTheOneThatIsWrittenDown(t *testing.T) {
	problems := []*rectificationv1.Problem{
		{
			Number: 1, Category: "SLOW", Item: "SLOW-2", Level: rectificationv1.Problem_LEVEL_STAFF, Description: "审批超过时限。", Cause: "窗口没有首问登记。",
			Measures: "一次性告知，限时办结。", Deadline: "2026-05-29",
			LeaderResponsible: "units/school/members/head", PersonResponsible: "王示例",
		},
		{Number: 2, Description: "Second, without a plan."},
	}
	const (
		want  = "1908c8d8524894fd02aac6842d2f58c017e5e2b2ead76b297bec1bf368edc647"
		empty = "d01a92438fed7f9960f2c3e48e693e3321d63cff9e43a69fb10bccd4f39fc030"
	)
	if got := rectification.Digest("ledgers/example", problems); got != want {
		t.Errorf("Digest = %s, want %s", got, want)
	}
	if got := rectification.Digest("ledgers/example", nil); got != empty {
		t.Errorf("Digest of an empty ledger = %s, want %s", got, empty)
	}
}

func TestDigestCoversTheContentAndNothingElse(t *testing.T) {
	base := func() *rectificationv1.Problem { return plannedProblem(rectificationv1.Problem_STATE_PLANNED) }
	digest := func(p *rectificationv1.Problem) string {
		return rectification.Digest("ledgers/x", []*rectificationv1.Problem{p})
	}
	inside := map[string]func(*rectificationv1.Problem){
		"number":      func(p *rectificationv1.Problem) { p.Number = 2 },
		"category":    func(p *rectificationv1.Problem) { p.Category = "B" },
		"item":        func(p *rectificationv1.Problem) { p.Item = "A-2" },
		"level":       func(p *rectificationv1.Problem) { p.Level = rectificationv1.Problem_LEVEL_STAFF },
		"description": func(p *rectificationv1.Problem) { p.Description += "." },
		"cause":       func(p *rectificationv1.Problem) { p.Cause += "." },
		"measures":    func(p *rectificationv1.Problem) { p.Measures += "." },
		"deadline":    func(p *rectificationv1.Problem) { p.Deadline = "2027-01-01" },
		"leader":      func(p *rectificationv1.Problem) { p.LeaderResponsible += "." },
		"person":      func(p *rectificationv1.Problem) { p.PersonResponsible += "." },
		"where a text ends": func(p *rectificationv1.Problem) {
			p.Cause, p.Measures = p.GetCause()+p.GetMeasures()[:1], p.GetMeasures()[1:]
		},
	}
	for name, change := range inside {
		p := base()
		if change(p); digest(p) == digest(base()) {
			t.Errorf("changing the %s does not change the digest", name)
		}
	}
	outside := base()
	outside.State, outside.Returns = rectificationv1.Problem_STATE_CLOSED, 3
	outside.Progress = []*rectificationv1.Progress{{Text: "more"}}
	if digest(outside) != digest(base()) {
		t.Error("state or progress changes the digest")
	}
	if digest(base()) == rectification.Digest("ledgers/y", []*rectificationv1.Problem{base()}) {
		t.Error("two ledgers have the same digest")
	}
}
