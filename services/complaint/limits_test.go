package complaint_test

import (
	"cmp"
	"os"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	complaintv1 "github.com/duban-project/duban/proto/gen/go/duban/complaint/v1"
	"github.com/duban-project/duban/services/complaint"
	"github.com/duban-project/duban/services/internal/calendar"
)

func date(t *testing.T, s string) calendar.Date {
	t.Helper()
	if s == "" {
		return calendar.Date{}
	}
	d, err := calendar.ParseDate(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// The days are counted by hand in a calendar of 2026: the Spring Festival is off
// from 15 to 23 February, and 14 and 28 February are worked.
func TestTheLastDaysAreThoseCountedByHand(t *testing.T) {
	packs, days := complaint.BuiltinPacks(), calendar.Builtin()
	for _, x := range []struct {
		kind                                                complaintv1.Complaint_Type
		received, accepted, acknowledge, decide, finish, by string
	}{
		{complaintv1.Complaint_TYPE_COMPLAINT, "2026-03-02", "", "", "2026-03-17", "", "xinfang-2022@2026.1"},
		{complaintv1.Complaint_TYPE_COMPLAINT, "2026-03-02", "2026-03-10", "", "2026-03-17", "2026-05-09", "xinfang-2022@2026.1"},
		{complaintv1.Complaint_TYPE_ENQUIRY, "2026-02-12", "", "", "", "2026-02-26", "hotline-shandong-2020@2026.1"},
		{complaintv1.Complaint_TYPE_REPORT, "2026-03-02", "2026-03-03", "", "2026-03-23", "", "report-2020@2026.1"},
	} {
		c, err := packs.Set(&complaintv1.Complaint{Type: x.kind}, days, date(t, x.received), date(t, x.accepted))
		if err != nil {
			t.Fatal(err)
		}
		got := []string{c.GetAcknowledgeDue().GetDate(), c.GetDecideDue().GetDate(), c.GetFinishDue().GetDate(), c.GetRulePack()}
		if want := []string{x.acknowledge, x.decide, x.finish, x.by}; strings.Join(got, "|") != strings.Join(want, "|") {
			t.Errorf("%s received %s accepted %s = %q, want %q", x.kind, x.received, x.accepted, got, want)
		}
		if due := c.GetDecideDue(); due != nil && (due.GetCalendar() != days.Version() || due.GetProvisional()) {
			t.Errorf("%s: %v, want calendar %s", x.kind, due, days.Version())
		}
	}
}

func TestAYearNotAnnouncedMakesADueDayProvisional(t *testing.T) {
	c, err := complaint.BuiltinPacks().Set(&complaintv1.Complaint{Type: complaintv1.Complaint_TYPE_REPORT}, calendar.Builtin(), date(t, "2026-12-28"), calendar.Date{})
	if err != nil || !c.GetDecideDue().GetProvisional() {
		t.Errorf("due = %v, %v; want it provisional", c.GetDecideDue(), err)
	}
	if _, err := complaint.BuiltinPacks().Set(&complaintv1.Complaint{}, calendar.Builtin(), date(t, "2026-12-28"), calendar.Date{}); err == nil {
		t.Error("a complaint of no type has limits")
	}
	if _, err := complaint.BuiltinPacks().Set(&complaintv1.Complaint{Type: complaintv1.Complaint_TYPE_REPORT}, calendar.Builtin(), date(t, "1980-01-01"), calendar.Date{}); err == nil {
		t.Error("days are counted before the calendar")
	}
}

func TestABrokenFileIsRefused(t *testing.T) {
	b, err := os.ReadFile("rules/limits.yaml")
	if err != nil {
		t.Fatal(err)
	}
	good := string(b)
	for what, broken := range map[string]string{
		"an unknown key":       strings.Replace(good, "confidence: V2", "confidance: V2", 1),
		"an unknown limit":     strings.Replace(good, "decide: {days", "decied: {days", 1),
		"an unknown event":     strings.Replace(good, "from: received", "from: recieved", 1),
		"an unknown start":     strings.Replace(good, "start: next_day", "start: tomorrow", 1),
		"no days":              strings.Replace(good, "days: 15", "days: 0", 1),
		"an unknown type":      strings.Replace(good, "types: [suggestion,", "types: [proposal,", 1),
		"no version":           strings.Replace(good, `version: "2026.1"`, `version: ""`, 1),
		"two of one id":        strings.Replace(good, "id: hotline-bengbu", "id: xinfang-2022", 1),
		"a default not there":  strings.Replace(good, "report: report-2020", "report: report-2030", 1),
		"a default not for it": strings.Replace(good, "report: report-2020", "report: xinfang-2022", 1),
		"a type without pack":  strings.Replace(good, "  report: report-2020\n", "", 1),
		"two documents":        good + "\n---\npacks: []\n",
		"no YAML":              "packs: [",
	} {
		if broken == good {
			t.Errorf("%s: nothing was broken", what)
		}
		if _, err := complaint.ParsePacks([]byte(broken)); err == nil {
			t.Errorf("%s passes", what)
		}
	}
}

// The days are counted by hand: fifteen working days from 29 December 2026 on.
func TestProvisionalDaysAreCountedAnew(t *testing.T) {
	packs, known := complaint.BuiltinPacks(), "kind,from,to,name\nyear,2026-01-01,2026-12-31,测试\nholiday,2026-10-01,2026-10-07,国庆节\nyear,2027-01-01,2027-12-31,测试\nholiday,2027-10-01,2027-10-07,国庆节\n"
	c, err := packs.Set(&complaintv1.Complaint{
		Type: complaintv1.Complaint_TYPE_REPORT, State: complaintv1.Complaint_STATE_RECEIVED,
		CreateTime: timestamppb.New(time.Date(2026, 12, 28, 2, 0, 0, 0, time.UTC)),
	}, calendar.Builtin(), date(t, "2026-12-28"), calendar.Date{})
	if err != nil || c.GetDecideDue().GetDate() != "2027-01-18" {
		t.Fatalf("due = %v, %v", c.GetDecideDue(), err)
	}
	for _, x := range []struct {
		announced, today string
		state            complaintv1.Complaint_State
		pack, want       string
	}{
		{announced: "holiday,2027-01-01,2027-01-08,元旦\n", today: "2026-12-29", want: "2027-01-26"},
		{announced: "make-up,2027-01-02,2027-01-03,元旦\n", today: "2026-12-29", want: "2027-01-14"},
		{announced: "make-up,2027-01-02,2027-01-03,元旦\n", today: "2027-01-16", want: "2027-01-16"}, // not late by it
		{announced: "make-up,2027-01-02,2027-01-03,元旦\n", today: "2027-02-01", want: "2027-01-18"}, // late before
		{announced: "holiday,2027-01-01,2027-01-08,元旦\n", state: complaintv1.Complaint_STATE_REJECTED},
		{announced: "holiday,2027-01-01,2027-01-08,元旦\n", state: complaintv1.Complaint_STATE_CLOSED},
		{announced: "holiday,2027-01-01,2027-01-08,元旦\n", pack: "report-2020@2025.9"},
	} {
		days, err := calendar.Parse([]byte(known + x.announced))
		if err != nil {
			t.Fatal(err)
		}
		c := proto.CloneOf(c)
		c.State, c.RulePack = cmp.Or(x.state, c.GetState()), cmp.Or(x.pack, c.GetRulePack())
		got := packs.Recount(c, x.today, days)
		if got.GetDecideDue().GetDate() != x.want || got != nil && (got.GetDecideDue().GetProvisional() || got.GetDecideDue().GetCalendar() != days.Version()) {
			t.Errorf("%v: due = %v, want %s", x, got.GetDecideDue(), x.want)
		}
		if got != nil && packs.Recount(got, x.today, days) != nil {
			t.Errorf("%v: counted anew twice", x)
		}
	}
	if got := packs.Recount(c, "2026-12-29", calendar.Builtin()); got != nil {
		t.Errorf("what is still unknown becomes %v", got)
	}
}
