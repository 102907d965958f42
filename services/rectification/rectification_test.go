package rectification_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/timestamppb"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	campaignv1 "github.com/duban-project/duban/proto/gen/go/duban/campaign/v1"
	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
	"github.com/duban-project/duban/services/internal/calendar"
	"github.com/duban-project/duban/services/rectification"
)

func TestTheFilingDateStandsAsWrittenUnlessItRolls(t *testing.T) {
	for _, c := range []struct {
		date        string
		rolls       bool
		want        string
		provisional bool
	}{
		{"2026-04-05", false, "2026-04-05", false}, // 清明节, a holiday
		{"2026-04-05", true, "2026-04-07", false},  // 4–6 April are off
		{"2026-04-08", true, "2026-04-08", false},
		{"2030-06-01", true, "2030-06-03", true}, // a Saturday in a year not announced
		{"", true, "", false},
	} {
		l, err := rectification.NewLedger([]string{"units/school", "units/bureau"}, &campaignv1.Campaign{
			Name: "campaigns/c", Owner: "units/bureau", State: campaignv1.Campaign_STATE_PUBLISHED,
			Filing: &campaignv1.Filing{DueDate: c.date, Rolls: c.rolls},
		}, calendar.Builtin())
		if err != nil {
			t.Fatal(err)
		}
		if l.GetFilingDueDate() != c.want || l.GetFilingDueProvisional() != c.provisional {
			t.Errorf("due %q rolling %v = %q, provisional %v; want %q, %v",
				c.date, c.rolls, l.GetFilingDueDate(), l.GetFilingDueProvisional(), c.want, c.provisional)
		}
	}
}

func TestLateIsTheFirstVersionAfterItsDateInChina(t *testing.T) {
	for _, c := range []struct {
		at      string
		version int32
		late    bool
	}{
		{"2026-04-05T15:59:00Z", 0, false}, // 23:59 in China
		{"2026-04-05T16:00:00Z", 0, true},
		{"2026-05-01T00:00:00Z", 1, false}, // a supplementary one
	} {
		at, err := time.Parse(time.RFC3339, c.at)
		if err != nil {
			t.Fatal(err)
		}
		f, err := rectification.File(&rectificationv1.Ledger{
			Name: "ledgers/x", State: rectificationv1.Ledger_STATE_SIGNED, FilingDueDate: "2026-04-05", Version: c.version,
		}, nil, submitter, at, calendar.Builtin())
		if err != nil {
			t.Fatal(err)
		}
		if f.Version.GetLate() != c.late || f.Ledger.GetFiledLate() != c.late {
			t.Errorf("version %d at %s: late = %v, want %v", c.version+1, c.at, f.Version.GetLate(), c.late)
		}
	}
}

func TestAVersionKeepsWhatIsNewAndPointsAtTheRest(t *testing.T) {
	one, two, three := plannedProblem(planned), plannedProblem(planned), plannedProblem(planned)
	two.Number, two.FiledVersion = 2, 0
	three.Number, three.FiledVersion = 3, 2
	f, err := rectification.File(&rectificationv1.Ledger{
		Name: "ledgers/x", State: rectificationv1.Ledger_STATE_SIGNED, Version: 2,
	}, []*rectificationv1.Problem{one, two, three}, submitter, now, calendar.Builtin())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]int32{1, 3, 2}, f.Version.GetFiledIn()); diff != "" {
		t.Errorf("filed_in (-want +got):\n%s", diff)
	}
	if len(f.Contents) != 1 || f.Contents[0].GetName() != "ledgers/x/versions/0003/problems/0002" {
		t.Errorf("contents = %v", f.Contents)
	}
	if len(f.Problems) != 1 || f.Problems[0].GetFiledVersion() != 3 {
		t.Errorf("problems = %v", f.Problems)
	}
}

func TestAnAcknowledgedVersionAcceptsWhatIsInIt(t *testing.T) {
	v := &rectificationv1.LedgerVersion{Name: "ledgers/x/versions/0003", FiledIn: []int32{1, 3}}
	p, next := plannedProblem(planned), plannedProblem(planned)
	next.Number = 3
	if got := rectification.Unaccepted(v, next); got != "" {
		t.Errorf("of a problem that was found later it accepts %q", got)
	}
	name := rectification.Unaccepted(v, p)
	if name != "ledgers/x/versions/0001/problems/0001" {
		t.Fatalf("of a problem that was filed in version 1 it accepts %q", name)
	}
	p.Category, p.Item, p.Level, p.Deadline = "B", "", rectificationv1.Problem_LEVEL_STAFF, "2026-04-25" // since it was filed
	want := proto.CloneOf(p)
	want.Accepted = true
	want.AcceptedContent = &rectificationv1.AcceptedContent{
		Category: "A", Item: "A-1", Level: rectificationv1.Problem_LEVEL_UNIT, Deadline: "2026-06-30", FiledProblem: name,
	}
	got := rectification.Accept(p, &rectificationv1.FiledProblem{
		Name: name, Number: 1, Category: "A", Item: "A-1", Level: rectificationv1.Problem_LEVEL_UNIT, Deadline: "2026-06-30",
	}, v)
	if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
		t.Errorf("accepted (-want +got):\n%s", diff)
	}
	v.FileTime = timestamppb.New(now)
	for days, deadline := range map[int]string{-1: "2026-06-30", 1: "2026-09-30"} { // before it was filed and since
		p := proto.CloneOf(p)
		p.Extensions = []*rectificationv1.Extension{
			{State: rectificationv1.Extension_STATE_APPROVED, Deadline: "2026-09-30", DecideTime: timestamppb.New(now.AddDate(0, 0, days))},
			{State: rectificationv1.Extension_STATE_REFUSED, Deadline: "2026-12-31", DecideTime: timestamppb.New(now.AddDate(0, 0, 2))},
		}
		filed := &rectificationv1.FiledProblem{Name: name, Deadline: "2026-06-30"}
		if got := rectification.Accept(p, filed, v).GetAcceptedContent().GetDeadline(); got != deadline {
			t.Errorf("granted %d days after the filing, it counts by %s, want %s", days, got, deadline)
		}
	}
	if again := rectification.Unaccepted(v, got); again != "" {
		t.Errorf("it accepts %q again", again)
	}
	old := rectification.Accept(p, &rectificationv1.FiledProblem{Name: name, Number: 1, Category: "A"}, v)
	if old.GetAcceptedContent().GetLevel() != p.GetLevel() {
		t.Errorf("of a version that was filed without levels it accepts %v", old.GetAcceptedContent())
	}
}

// A problem that was accepted before it was kept by what content counts by what it had
// when it is first changed.
func TestWhatWasAcceptedLongAgoKeepsWhatItHas(t *testing.T) {
	p := plannedProblem(planned)
	p.Accepted = true
	wanted := proto.CloneOf(p)
	wanted.Category, wanted.Item = "B", ""
	p, err := rectification.Edit(filedLedger(), p, wanted, submitter, now)
	if err != nil {
		t.Fatal(err)
	}
	if c := p.GetAcceptedContent(); p.GetCategory() != "B" || c.GetCategory() != "A" || c.GetItem() != "A-1" {
		t.Errorf("changed to %q, it counts by %v", p.GetCategory(), c)
	}
}

func TestTheSourceDecidesWho(t *testing.T) {
	const (
		clerk, leader, head = accessv1.Role_ROLE_CLERK, accessv1.Role_ROLE_LEADER, accessv1.Role_ROLE_HEAD
		supervisor          = accessv1.Role_ROLE_SUPERVISOR
	)
	type who map[accessv1.Scope][]accessv1.Role
	office, leaders := []accessv1.Role{clerk, leader, head}, []accessv1.Role{leader, head}
	higher, alone := []accessv1.Role{supervisor, leader}, []accessv1.Role{leader, head, supervisor}
	own, superior := accessv1.Scope_SCOPE_OWN, accessv1.Scope_SCOPE_SUPERIOR
	for source, want := range map[rectificationv1.Problem_Source]struct{ enter, verify, close who }{
		rectificationv1.Problem_SOURCE_SELF_CHECK: {who{own: office}, who{own: leaders, superior: higher}, who{own: leaders}},
		rectificationv1.Problem_SOURCE_OUTREACH:   {who{own: office}, who{own: leaders, superior: higher}, who{own: leaders}},
		rectificationv1.Problem_SOURCE_AUDIT:      {who{own: office, superior: higher}, who{superior: higher}, who{superior: higher}},
		rectificationv1.Problem_SOURCE_LETTER:     {who{own: office, superior: higher}, who{superior: higher}, who{superior: higher}},
		rectificationv1.Problem_SOURCE_EVALUATION: {who{superior: higher}, who{superior: higher}, who{superior: higher}},
		rectificationv1.Problem_SOURCE_SUPERIOR:   {who{superior: higher}, who{superior: higher}, who{superior: higher}},
		rectificationv1.Problem_SOURCE_INSPECTION: {who{}, who{superior: higher}, who{superior: higher}},
		rectificationv1.Problem_SOURCE_COMPLAINT:  {who{}, who{superior: higher}, who{superior: higher}},
	} {
		for name, c := range map[string]struct {
			want who
			got  []rectification.Right
		}{
			"enters":               {want.enter, rectification.Entrants(source)},
			"verifies":             {want.verify, rectification.Verifiers(source, false)},
			"closes":               {want.close, rectification.Closers(&rectificationv1.Problem{Source: source}, []string{"free"}, false)},
			"verifies at the root": {who{own: alone}, rectification.Verifiers(source, true)},
			"closes at the root":   {who{own: alone}, rectification.Closers(&rectificationv1.Problem{Source: source, CloseAbove: true}, nil, true)},
		} {
			got := who{}
			for _, r := range c.got {
				got[r.Scope] = r.Roles
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("who %s %v (-want +got):\n%s", name, source, diff)
			}
		}
	}
}

func TestServicesEnterTheirOwnSourceAlone(t *testing.T) {
	for n := range rectificationv1.Problem_SOURCE_UNSPECIFIED.Descriptor().Values().Len() {
		source := rectificationv1.Problem_Source(n)
		want := source == rectificationv1.Problem_SOURCE_COMPLAINT
		if got := rectification.ByService("complaint", source); got != want {
			t.Errorf("complaint enters %v = %v, want %v", source, got, want)
		}
		if rectification.ByService("evaluation", source) {
			t.Errorf("evaluation enters %v", source)
		}
	}
}

func TestWhoSeesATargetSeesItsPartOnceItMayKnow(t *testing.T) {
	full := inspection()
	full.Plan, full.Visits = "plan", []*rectificationv1.Visit{{Target: "units/school"}}
	part := &rectificationv1.Inspection{
		Name: full.GetName(), Unit: full.GetUnit(), Title: full.GetTitle(), State: full.GetState(),
		Targets: []string{"units/school"}, Visits: full.GetVisits(),
	}
	announced := inspection()
	announced.Announced = true
	told := &rectificationv1.Inspection{
		Name: full.GetName(), Unit: full.GetUnit(), Title: full.GetTitle(), State: full.GetState(), Announced: true,
		Targets: []string{"units/school"},
	}
	for name, c := range map[string]struct {
		i       *rectificationv1.Inspection
		reader  string
		sees    []string
		portal  []string
		belongs string
		want    *rectificationv1.Inspection
	}{
		"the bureau":             {full, "x", []string{"units/bureau", "units/school"}, nil, "units/bureau", full},
		"the team":               {full, full.GetTeam()[0], nil, nil, "", full},
		"a visited target":       {full, "x", []string{"units/school"}, nil, "units/school", part},
		"both targets":           {full, "x", []string{"units/school", "units/district"}, nil, "", part},
		"a target not visited":   {full, "x", []string{"units/district"}, nil, "", nil},
		"nobody":                 {full, "x", []string{"units/office"}, nil, "", nil},
		"before the visit":       {inspection(), "x", []string{"units/school"}, nil, "", nil},
		"an announced one":       {announced, "x", []string{"units/school"}, nil, "", told},
		"an announced elsewhere": {announced, "x", []string{"units/office"}, nil, "", nil},

		"a portal of all":                  {full, "x", nil, []string{"units/bureau", "units/school", "units/district"}, "", part},
		"a portal of who was not visited":  {announced, "x", nil, []string{"units/bureau", "units/district"}, "", nil},
		"who sees one, with all by portal": {announced, "x", []string{"units/school"}, []string{"units/bureau", "units/school", "units/district"}, "", told},

		"a target's with a say in the bureau":             {inspection(), "x", []string{"units/bureau", "units/school", "units/district"}, nil, "units/school", nil},
		"a target's with a say in it, of what it saw":     {full, "x", []string{"units/bureau", "units/school", "units/district"}, nil, "units/school", part},
		"a target's with a say in it, who is of the team": {full, full.GetTeam()[0], []string{"units/bureau"}, nil, "units/school", full},
	} {
		reader := rectification.Reader{
			Name:    c.reader,
			Sees:    func(unit string) bool { return slices.Contains(c.sees, unit) },
			Portal:  func(unit string) bool { return slices.Contains(c.portal, unit) },
			Belongs: func(unit string) bool { return unit == c.belongs },
		}
		if diff := cmp.Diff(c.want, rectification.Shown(c.i, reader), protocmp.Transform()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
