package campaign_test

import (
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	campaignv1 "github.com/duban-project/duban/proto/gen/go/duban/campaign/v1"
	"github.com/duban-project/duban/services/campaign"
	"github.com/duban-project/duban/services/internal/calendar"
)

func at(t *testing.T, day string) time.Time {
	t.Helper()
	moment, err := time.Parse(time.DateOnly, day)
	if err != nil {
		t.Fatal(err)
	}
	return moment
}

func submittedOn(t *testing.T, a *campaignv1.Assignment, day string) *campaignv1.Assignment {
	t.Helper()
	a, err := campaign.Submit(open, a, report(), at(t, day), "units/s/members/clerk")
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// What was returned is submitted again by a day of its own: five working days after the
// first return or the due day, and then later only by as long as the superior had it.
func TestByWhichDayAReturnedAssignmentIsSubmittedAgain(t *testing.T) {
	const due = "2026-04-03"
	for name, c := range map[string]struct {
		turns [][2]string // submitted and returned
		want  string
		again string // submitted in the end
		late  bool
	}{
		"returned long before it is due":     {[][2]string{{"2026-03-02", "2026-03-04"}}, due, "2026-04-03", false},
		"returned when it was due":           {[][2]string{{due, "2026-04-08"}}, "2026-04-15", "2026-04-15", false},
		"submitted too late again":           {[][2]string{{due, "2026-04-08"}}, "2026-04-15", "2026-04-16", true},
		"nothing is submitted again":         {[][2]string{{due, "2026-04-08"}, {"2026-04-15", "2026-04-16"}, {"2026-04-16", "2026-04-17"}}, "2026-04-17", "2026-04-20", true},
		"each time the superior takes weeks": {[][2]string{{due, "2026-04-08"}, {"2026-04-13", "2026-05-13"}}, "2026-05-15", "2026-05-15", false},
		"late once is late":                  {[][2]string{{"2026-04-07", "2026-04-08"}}, "2026-04-15", "2026-04-09", true},
	} {
		a := assigned()
		a.DueDate = due
		for _, turn := range c.turns {
			var err error
			r := campaign.Refusal{Reason: "空表", Who: "units/d/members/leader", Time: at(t, turn[1])}
			if a, err = campaign.Return(open, submittedOn(t, a, turn[0]), r, calendar.Builtin()); err != nil {
				t.Fatal(err)
			}
		}
		if got := submittedOn(t, a, c.again); a.GetCorrectionDueDate() != c.want || got.GetLate() != c.late {
			t.Errorf("%s: by %s, want %s; late %t, want %t", name, a.GetCorrectionDueDate(), c.want, got.GetLate(), c.late)
		}
	}
}

// By holidays that are yet to be announced a day is provisional (暂定), and what is counted
// from it.
func TestADayCountedIntoAYearNotAnnouncedIsProvisional(t *testing.T) {
	for returned, want := range map[string]bool{"2026-12-23": false, "2026-12-28": true} {
		a := assigned()
		for _, day := range []string{returned, "2027-02-03"} {
			var err error
			r := campaign.Refusal{Reason: "空表", Who: "units/d/members/leader", Time: at(t, day)}
			if a, err = campaign.Return(open, submittedOn(t, a, "2026-12-08"), r, calendar.Builtin()); err != nil {
				t.Fatal(err)
			}
			if a.GetCorrectionDueProvisional() != want {
				t.Errorf("returned on %s, and then on %s: provisional %t, want %t", returned, day, a.GetCorrectionDueProvisional(), want)
			}
		}
	}
}

func TestTheDayOfATaskIsCountedAnew(t *testing.T) {
	days, err := calendar.Parse([]byte("kind,from,to,name\nyear,2026-01-01,2026-12-31,测试\nholiday,2026-10-01,2026-10-07,国庆节\n" +
		"year,2027-01-01,2027-12-31,测试\nholiday,2027-01-01,2027-01-08,元旦"))
	if err != nil {
		t.Fatal(err)
	}
	a := &campaignv1.Assignment{
		DueDate: "2026-12-08", CorrectionDueDate: "2027-01-06", CorrectionDueProvisional: true, CorrectionDueFromDate: "2026-12-28", CorrectionDaysAdded: 2,
	}
	want := &campaignv1.Assignment{DueDate: "2026-12-08", CorrectionDueDate: "2027-01-14"}
	before := proto.CloneOf(a)
	if got := campaign.Recount(a, "2026-12-29", days); !proto.Equal(got, want) || !proto.Equal(a, before) {
		t.Errorf("counted anew it is %v, want %v", got, want)
	}
	for name, a := range map[string]*campaignv1.Assignment{"known": want, "still unknown": before} {
		if got := campaign.Recount(a, "2026-12-29", calendar.Builtin()); got != nil {
			t.Errorf("what is %s becomes %v", name, got)
		}
	}
}

func TestWhatWasNotDueWhenTheUnitWasArchivedIsNotLate(t *testing.T) {
	for archived, late := range map[string]bool{"": true, "2026-03-01": true, "2026-02-28": false} {
		a := assigned()
		if archived != "" {
			a = campaign.Abandon(a, archived)
		}
		if got := submittedOn(t, a, "2027-03-01").GetLate(); got != late {
			t.Errorf("archived on %q: late %t, want %t", archived, got, late)
		}
	}
}

// What is told twice, or was approved and due before, changes nothing.
func TestWhatAnArchivedUnitLeaves(t *testing.T) {
	for name, c := range map[string]struct {
		state  campaignv1.Assignment_State
		before string
		day    string
		told   bool
	}{
		"awaited":              {campaignv1.Assignment_STATE_ISSUED, "", "2026-05-01", true},
		"told before":          {campaignv1.Assignment_STATE_ISSUED, "2026-05-01", "2026-05-01", false},
		"approved and due":     {campaignv1.Assignment_STATE_APPROVED, "", "2026-03-01", false},
		"approved and not due": {campaignv1.Assignment_STATE_APPROVED, "", "2026-02-28", true},
	} {
		a := assigned()
		a.State, a.UnitArchiveDate = c.state, c.before
		if got := campaign.Abandon(a, c.day); (got != nil) != c.told || got != nil && got.GetUnitArchiveDate() != c.day {
			t.Errorf("%s: %v, told %t", name, got, c.told)
		}
	}
}
