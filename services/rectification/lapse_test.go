package rectification_test

import (
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
	"github.com/duban-project/duban/services/internal/calendar"
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
	for closed, late := range map[string]bool{"": true, "2026-03-09": true, "2026-03-08": false} {
		l := &rectificationv1.Ledger{
			State: rectificationv1.Ledger_STATE_SIGNED, FilingDueDate: "2026-03-09", CampaignCloseDate: closed,
			Signature: &rectificationv1.Signature{},
		}
		f, err := rectification.File(l, nil, submitter, now.AddDate(1, 0, 0), calendar.Builtin())
		if err != nil || f.Ledger.GetFiledLate() != late {
			t.Errorf("closed on %q: late %t, %v; want %t", closed, f.Ledger.GetFiledLate(), err, late)
		}
	}
}

// What was returned is filed again by a day of its own: five working days after the
// first return or the due day, and then later only by as long as the superior had it.
func TestByWhichDayAReturnedLedgerIsFiledAgain(t *testing.T) {
	const due = "2026-04-03"
	for name, c := range map[string]struct {
		turns [][2]string // filed and returned, or "" while the superior answers nothing
		want  string
		again string // filed in the end
		late  bool
	}{
		"returned long before it is due":     {[][2]string{{"2026-03-02", "2026-03-04"}}, due, "2026-04-03", false},
		"returned when it was due":           {[][2]string{{due, "2026-04-08"}}, "2026-04-15", "2026-04-15", false},
		"filed too late again":               {[][2]string{{due, "2026-04-08"}}, "2026-04-15", "2026-04-16", true},
		"the superior takes months":          {[][2]string{{due, "2026-06-01"}}, "2026-06-08", "2026-06-08", false},
		"nothing is filed again and again":   {[][2]string{{due, "2026-04-08"}, {"2026-04-15", "2026-04-16"}, {"2026-04-16", "2026-04-17"}}, "2026-04-17", "2026-04-20", true},
		"each time the superior takes weeks": {[][2]string{{due, "2026-04-08"}, {"2026-04-13", "2026-05-13"}}, "2026-05-15", "2026-05-15", false},
		"a supplement of what lies there":    {[][2]string{{due, "2026-04-08"}, {"2026-04-13", ""}, {"2026-05-13", "2026-05-13"}}, "2026-05-15", "2026-05-15", false},
		"a supplement after a second return": {[][2]string{{due, "2026-04-08"}, {"2026-04-13", "2026-04-14"}, {"2026-04-15", ""}, {"2026-04-16", "2026-04-17"}}, "2026-04-18", "2026-04-20", true},
		"late once is late":                  {[][2]string{{"2026-04-07", "2026-04-08"}}, "2026-04-15", "2026-04-09", true},
	} {
		l := &rectificationv1.Ledger{Name: "ledgers/x", State: rectificationv1.Ledger_STATE_SIGNED, FilingDueDate: due}
		for _, turn := range c.turns {
			f := filedOn(t, l, turn[0])
			if l = f.Ledger; turn[1] != "" {
				l, _ = answered(t, l, f.Version, [2]string{turn[1], "return"})
			}
			l.State = rectificationv1.Ledger_STATE_SIGNED
		}
		f := filedOn(t, l, c.again)
		if l.GetCorrectionDueDate() != c.want || f.Ledger.GetFiledLate() != c.late {
			t.Errorf("%s: by %s, want %s; filed late %t, want %t", name, l.GetCorrectionDueDate(), c.want, f.Ledger.GetFiledLate(), c.late)
		}
	}
}

// By holidays that are yet to be announced a day is provisional (暂定), and what is counted
// from it.
func TestADayCountedIntoAYearNotAnnouncedIsProvisional(t *testing.T) {
	for returned, want := range map[string]bool{"2026-12-23": false, "2026-12-28": true} {
		l := &rectificationv1.Ledger{Name: "ledgers/x", State: rectificationv1.Ledger_STATE_SIGNED, FilingDueDate: "2026-12-08"}
		for _, day := range []string{returned, "2027-02-03"} {
			f := filedOn(t, l, "2026-12-08")
			l, _ = answered(t, f.Ledger, f.Version, [2]string{day, "return"})
			if l.GetCorrectionDueProvisional() != want {
				t.Errorf("returned on %s, and then on %s: provisional %t, want %t", returned, day, l.GetCorrectionDueProvisional(), want)
			}
			l.State = rectificationv1.Ledger_STATE_SIGNED
		}
	}
	l := &rectificationv1.Ledger{State: rectificationv1.Ledger_STATE_SIGNED, FilingDueDate: "2027-01-04", FilingDueProvisional: true}
	f := filedOn(t, l, "2026-12-15")
	if !f.Ledger.GetAcknowledgeDueProvisional() || filedOn(t, l, "2026-12-01").Ledger.GetAcknowledgeDueProvisional() {
		t.Error("the day of an answer in the next year is taken for known, or one in this is not")
	}
	if l, _ = answered(t, f.Ledger, f.Version, [2]string{"2026-12-16", "return"}); l.GetCorrectionDueDate() != "2027-01-04" || !l.GetCorrectionDueProvisional() {
		t.Errorf("a filing day that is provisional is taken for known: %v", l)
	}
}

// Once the holidays are announced every provisional day of a ledger is counted anew, that of
// correction from the new day of filing too; what is not is left alone.
func TestTheDaysOfALedgerAreCountedAnew(t *testing.T) {
	days, err := calendar.Parse([]byte("kind,from,to,name\nyear,2026-01-01,2026-12-31,测试\nholiday,2026-10-01,2026-10-07,国庆节\n" +
		"year,2027-01-01,2027-12-31,测试\nholiday,2027-01-01,2027-01-08,元旦"))
	if err != nil {
		t.Fatal(err)
	}
	l := &rectificationv1.Ledger{
		FilingDueDate: "2027-01-04", FilingDueProvisional: true, FilingDueFromDate: "2027-01-02",
		AcknowledgeDueDate: "2027-01-12", AcknowledgeDueProvisional: true, AcknowledgeDueFromDate: "2026-12-22",
		CorrectionDueDate: "2027-01-06", CorrectionDueProvisional: true, CorrectionDueFromDate: "2026-12-21", CorrectionDaysAdded: 2,
	}
	want := &rectificationv1.Ledger{FilingDueDate: "2027-01-11", AcknowledgeDueDate: "2027-01-20", CorrectionDueDate: "2027-01-13"}
	before := proto.CloneOf(l)
	if got := rectification.Recount(l, "2026-12-28", days); !proto.Equal(got, want) || !proto.Equal(l, before) {
		t.Errorf("counted anew it is %v, want %v", got, want)
	}
	for name, l := range map[string]*rectificationv1.Ledger{"known": want, "still unknown": before} {
		if got := rectification.Recount(l, "2026-12-28", calendar.Builtin()); got != nil {
			t.Errorf("what is %s becomes %v", name, got)
		}
	}
}

func filedOn(t *testing.T, l *rectificationv1.Ledger, day string) *rectification.Filing {
	t.Helper()
	at, err := time.Parse(time.DateOnly, day)
	if err != nil {
		t.Fatal(err)
	}
	f, err := rectification.File(l, nil, submitter, at, calendar.Builtin())
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// A supplementary version that is returned leaves what was acknowledged as it stands,
// and a ledger without a day has none by which it is filed again.
func TestWhatIsAcknowledgedStands(t *testing.T) {
	for name, l := range map[string]*rectificationv1.Ledger{
		"acknowledged": {FilingDueDate: "2026-03-09", Version: 2, AcknowledgedVersion: 1, State: rectificationv1.Ledger_STATE_FILED},
		"standing":     {Version: 1, State: rectificationv1.Ledger_STATE_FILED},
	} {
		l, _, err := rectification.Decide(l, filedVersion(), rectification.Verdict{Reason: "why", Decider: superior, Time: now}, calendar.Builtin())
		if err != nil || l.GetCorrectionDueDate() != "" {
			t.Fatalf("%s: %v, %v", name, l, err)
		}
		l.State = rectificationv1.Ledger_STATE_SIGNED
		if f, err := rectification.File(l, nil, submitter, now.AddDate(1, 0, 0), calendar.Builtin()); err != nil || f.Ledger.GetFiledLate() {
			t.Errorf("%s is late: %v, %v", name, f, err)
		}
	}
}

func TestWhatWasNotDueWhenTheUnitWasArchivedIsNotLate(t *testing.T) {
	for archived, late := range map[string]bool{"": true, "2026-03-09": true, "2026-03-08": false} {
		l := &rectificationv1.Ledger{State: rectificationv1.Ledger_STATE_SIGNED, FilingDueDate: "2026-03-09", Signature: &rectificationv1.Signature{}}
		f, err := rectification.File(rectification.Abandon(l, archived), nil, submitter, now.AddDate(1, 0, 0), calendar.Builtin())
		if err != nil || f.Ledger.GetFiledLate() != late {
			t.Errorf("archived on %q: late %t, %v; want %t", archived, f.Ledger.GetFiledLate(), err, late)
		}
	}
}
