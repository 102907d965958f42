package directory

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/timestamppb"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
)

var day = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// entry is what the organization's feed says of a record on a day.
func entry(t *testing.T, days int, body proto.Message) *feedv1.Entry {
	t.Helper()
	b, err := anypb.New(body)
	if err != nil {
		t.Fatal(err)
	}
	return &feedv1.Entry{Body: b, Effective: timestamppb.New(day.AddDate(0, 0, days))}
}

func record(name, parent string, kind organizationv1.Unit_Kind) *organizationv1.Unit {
	return &organizationv1.Unit{Name: name, Parent: parent, Kind: kind}
}

func filled(t *testing.T) *Directory {
	t.Helper()
	now := day
	d := New(nil, func() time.Time { return now })
	run := []*feedv1.Entry{
		entry(t, 0, record("units/p", "", organizationv1.Unit_KIND_PROVINCE)),
		entry(t, 0, record("units/c2", "units/p", organizationv1.Unit_KIND_CITY)),
		entry(t, 0, record("units/c1", "units/p", organizationv1.Unit_KIND_CITY)),
		entry(t, 0, record("units/s", "units/c1", organizationv1.Unit_KIND_SCHOOL)),
		entry(t, 0, record("units/d", "units/s", organizationv1.Unit_KIND_DEPARTMENT)),
		entry(t, 5, record("units/s", "units/c2", organizationv1.Unit_KIND_SCHOOL)),
		entry(t, 0, &organizationv1.Member{Name: "units/s/members/m"}),
		entry(t, 0, &organizationv1.RoleGrant{Name: "roleGrants/1", Principal: "a", Role: accessv1.Role_ROLE_HEAD, Unit: "units/s"}),
		entry(t, 0, &organizationv1.RoleGrant{Name: "roleGrants/2", Principal: "a", Role: accessv1.Role_ROLE_CLERK, Unit: "units/s"}),
		entry(t, 1, &organizationv1.RoleGrant{Name: "roleGrants/2", Principal: "a", Role: accessv1.Role_ROLE_CLERK, Unit: "units/s", EndTime: timestamppb.New(day)}),
	}
	if err := d.apply(t.Context(), run, uint64(len(run)), uint64(len(run))); err != nil {
		t.Fatal(err)
	}
	return d
}

func TestTheTreeInTime(t *testing.T) {
	d := filled(t)
	now, before := d.Path("units/d"), d.PathAt("units/d", day.AddDate(0, 0, 4))
	if want := []string{"units/d", "units/s", "units/c2", "units/p"}; !slices.Equal(now, want) {
		t.Errorf("now %v, want %v", now, want)
	}
	if want := []string{"units/d", "units/s", "units/c1", "units/p"}; !slices.Equal(before, want) {
		t.Errorf("before the move %v, want %v", before, want)
	}
	if p := d.PathAt("units/d", day.AddDate(0, 0, -1)); p != nil {
		t.Errorf("before it was created %v, want nothing", p)
	}
	for _, days := range []int{-1, 4} {
		if stood := d.Stood("units/d", day.AddDate(0, 0, days)); !slices.Equal(stood, before) {
			t.Errorf("on day %d it stood at %v, want %v", days, stood, before)
		}
	}
	if stood := d.Stood("units/none", day); stood != nil {
		t.Errorf("what is not there stood at %v", stood)
	}
	if got, want := d.Subtree("units/p"), []string{"units/p", "units/c1", "units/c2", "units/s", "units/d"}; !slices.Equal(got, want) {
		t.Errorf("Subtree = %v, want %v", got, want)
	}
	if len(d.Children("units/c1")) != 0 || d.Root() != "units/p" || !d.Department("units/d") || d.Department("units/s") {
		t.Errorf("children %v, root %s", d.Children("units/c1"), d.Root())
	}
	if got := len(d.UnitsAt(day)); got != 5 {
		t.Errorf("%d units on the first day, want 5", got)
	}
}

func TestTiesAreHomePostsAndGrants(t *testing.T) {
	d := filled(t)
	m := &organizationv1.Member{Name: "units/s/members/m", Posts: []*organizationv1.Post{
		{Unit: "units/c1", StartDate: "2026-01-01"}, {Unit: "units/p", EndDate: "2025-12-31"},
	}}
	run := []*feedv1.Entry{
		entry(t, 6, m),
		entry(t, 6, &organizationv1.RoleGrant{Name: "roleGrants/3", Principal: m.Name, Role: accessv1.Role_ROLE_VIEWER, Unit: "units/c2"}),
		entry(t, 6, &organizationv1.RoleGrant{Name: "roleGrants/4", Principal: m.Name, Role: accessv1.Role_ROLE_HEAD, Unit: "units/d"}),
	}
	if err := d.apply(t.Context(), run, 13, 13); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		roles []accessv1.Role
		want  []string
	}{
		{nil, []string{"units/c1", "units/s", "units/c2", "units/d"}},
		{[]accessv1.Role{accessv1.Role_ROLE_HEAD}, []string{"units/c1", "units/s", "units/d"}},
	} {
		if got := d.Ties(m.Name, "2026-03-01", c.roles...); !slices.Equal(got, c.want) {
			t.Errorf("by %v: %v, want %v", c.roles, got, c.want)
		}
	}
	if got := d.Ties("a", "2026-03-01"); !slices.Equal(got, []string{"units/s"}) {
		t.Errorf("a machine's ties: %v", got)
	}
}

// Whoever works for a unit, or for what lies beneath it, today belongs to it; who reads
// or served there does not.
func TestWhoBelongsWhere(t *testing.T) {
	d := filled(t)
	d.Today = func() string { return "2026-03-01" }
	post := func(unit, from, to string) *organizationv1.Post {
		return &organizationv1.Post{Unit: unit, StartDate: from, EndDate: to}
	}
	run := []*feedv1.Entry{
		entry(t, 6, &organizationv1.Machine{Name: "machines/m", Unit: "units/d"}),
		entry(t, 6, &organizationv1.Member{Name: "units/c1/members/m", Posts: []*organizationv1.Post{post("units/s", "", "2026-03-01"), post("units/p", "2026-03-02", "")}}),
		entry(t, 6, &organizationv1.Member{Name: "units/c1/members/left", Posts: []*organizationv1.Post{post("units/s", "", "2026-02-28")}}),
		entry(t, 6, &organizationv1.Member{Name: "units/c1/members/reads"}),
		entry(t, 6, &organizationv1.RoleGrant{Name: "roleGrants/8", Principal: "units/c1/members/reads", Role: accessv1.Role_ROLE_VIEWER, Unit: "units/s"}),
		entry(t, 6, &organizationv1.Member{Name: "units/c1/members/works"}),
		entry(t, 6, &organizationv1.RoleGrant{Name: "roleGrants/9", Principal: "units/c1/members/works", Role: accessv1.Role_ROLE_SUPERVISOR, Unit: "units/d"}),
	}
	for name, posts := range map[string][]*organizationv1.Post{
		"units/s/members/moved":      {post("units/s", "", "2026-02-28"), post("units/c1", "2026-03-01", "")},
		"units/s/members/gone":       {post("units/s", "", "2026-02-28")},
		"units/c2/members/beneath":   {post("units/s", "", "2026-02-28"), post("units/c1", "", "")},
		"units/s/members/lent":       {post("units/c1", "", "")},
		"units/s/members/one":        {post("units/s", "", "2026-02-28"), post("units/s", "2026-03-01", "")},
		"units/s/members/comes back": {post("units/s", "", "2026-02-28"), post("units/s", "2026-09-01", "")},
		"units/s/members/clerk":      {post("units/s", "", "2026-02-28"), post("units/c1", "", "")},
	} {
		run = append(run, entry(t, 6, &organizationv1.Member{Name: name, Posts: posts}))
	}
	run = append(run, entry(t, 6, &organizationv1.RoleGrant{Name: "roleGrants/10", Principal: "units/s/members/clerk", Role: accessv1.Role_ROLE_CLERK, Unit: "units/s"}))
	if err := d.apply(t.Context(), run, 25, 25); err != nil {
		t.Fatal(err)
	}
	for who, want := range map[string][]string{
		"units/s/members/moved":      {"units/c1", "units/p"},
		"units/s/members/gone":       nil,
		"units/c2/members/beneath":   {"units/c1", "units/p"},
		"units/s/members/lent":       {"units/s", "units/c2", "units/c1", "units/p"},
		"units/s/members/one":        {"units/s", "units/c2", "units/p"},
		"units/s/members/comes back": {"units/s", "units/c2", "units/p"},
		"units/s/members/clerk":      {"units/s", "units/c2", "units/c1", "units/p"},
		"machines/m":                 {"units/d", "units/s", "units/c2", "units/p"},
		"units/c1/members/m":         {"units/s", "units/c2", "units/c1", "units/p"},
		"units/c1/members/left":      {"units/c1", "units/p"},
		"units/c1/members/reads":     {"units/c1", "units/p"},
		"units/c1/members/works":     {"units/d", "units/s", "units/c2", "units/c1", "units/p"},
		"units/none/members/m":       nil,
	} {
		for _, unit := range []string{"units/p", "units/c1", "units/c2", "units/s", "units/d", "units/none"} {
			if got := d.Belongs(who, unit); got != slices.Contains(want, unit) {
				t.Errorf("%s belongs to %s: %v", who, unit, got)
			}
		}
	}
}

// Posts and grants that ended, were struck out or are yet to begin tie for good. Of a
// post that was over when it was entered it is told when that was, until one is that
// was not.
func TestWhoWasTiedIsTied(t *testing.T) {
	d := filled(t)
	const head, staff = organizationv1.Post_KIND_HEAD, organizationv1.Post_KIND_STAFF
	m := &organizationv1.Member{Name: "units/s/members/m", Posts: []*organizationv1.Post{
		{Unit: "units/c1", Kind: head, EndDate: "2025-12-31"}, {Unit: "units/p", Kind: staff, StartDate: "2030-01-01"},
	}}
	again := &organizationv1.Member{Name: m.Name, Posts: []*organizationv1.Post{
		{Unit: "units/c1", Kind: head, EndDate: "2026-01-07"}, {Unit: "units/c1", Kind: staff, EndDate: "2026-01-08"},
	}}
	run := []*feedv1.Entry{
		entry(t, 6, m),
		entry(t, 6, &organizationv1.RoleGrant{Name: "roleGrants/3", Principal: m.Name, Role: accessv1.Role_ROLE_HEAD, Unit: "units/c2"}),
		entry(t, 7, &organizationv1.RoleGrant{Name: "roleGrants/3", Principal: m.Name, Role: accessv1.Role_ROLE_HEAD, Unit: "units/c2", EndTime: timestamppb.New(day)}),
		entry(t, 7, again),
		entry(t, 8, &organizationv1.Member{Name: m.Name}),
	}
	if err := d.apply(t.Context(), run[:1], 11, 15); err != nil {
		t.Fatal(err)
	}
	if got := d.Tied(m.Name)[0]; got != (Tie{"units/c1", true, day.AddDate(0, 0, 6), day.AddDate(0, 0, 6)}) {
		t.Errorf("by a post that was over it is tied by %v", got)
	}
	if err := d.apply(t.Context(), run[1:], 15, 15); err != nil {
		t.Fatal(err)
	}
	want := []Tie{
		{"units/c1", true, day.AddDate(0, 0, 6), day.AddDate(0, 0, 6)}, {Unit: "units/p", Since: day.AddDate(0, 0, 6)},
		{Unit: "units/c2", Head: true, Since: day.AddDate(0, 0, 6)}, {Unit: "units/c1", Since: day.AddDate(0, 0, 7)}, {Unit: "units/s"},
	}
	if got := d.Tied(m.Name); !slices.Equal(got, want) {
		t.Errorf("Tied = %v, want %v", got, want)
	}
	if got := d.Ties(m.Name, "2026-03-01"); !slices.Equal(got, []string{"units/s", "units/s"}) {
		t.Errorf("Ties = %v", got)
	}
	if got := d.Tied("units/s/members/unheard"); !slices.Equal(got, []Tie{{Unit: "units/s"}}) {
		t.Errorf("somebody unheard of: %v", got)
	}
}

func TestHeadsAreThoseOfARoleOrAPost(t *testing.T) {
	d := filled(t)
	run := []*feedv1.Entry{
		entry(t, 6, &organizationv1.Member{Name: "units/s/members/m", Posts: []*organizationv1.Post{
			{Unit: "units/s", Kind: organizationv1.Post_KIND_HEAD, StartDate: "2026-02-01"},
		}}),
		entry(t, 6, &organizationv1.Member{Name: "units/s/members/n", Posts: []*organizationv1.Post{
			{Unit: "units/s", Kind: organizationv1.Post_KIND_DEPUTY}, {Unit: "units/c1", Kind: organizationv1.Post_KIND_HEAD},
		}}),
	}
	if err := d.apply(t.Context(), run, 12, 12); err != nil {
		t.Fatal(err)
	}
	for day, want := range map[string][]string{"2026-01-31": {"a"}, "2026-02-01": {"a", "units/s/members/m"}} {
		if got := d.Heads("units/s", day); !slices.Equal(got, want) {
			t.Errorf("on %s: %v, want %v", day, got, want)
		}
	}
}

// One is in office in the body whose organ one serves in, or that this was merged into, by a
// post of the day; in what lies beneath it, and once the post is over, one is not. One at an
// archived unit puts in office there alone.
func TestWhoIsInOfficeWhere(t *testing.T) {
	d := filled(t)
	m := &organizationv1.Member{Name: "units/c1/members/m", Posts: []*organizationv1.Post{{Unit: "units/d", Title: "t", EndDate: "2026-03-01"}}}
	gone := record("units/gone", "units/s", organizationv1.Unit_KIND_SCHOOL)
	gone.State = organizationv1.Unit_STATE_MERGED
	closed := record("units/closed", "units/c2", organizationv1.Unit_KIND_SCHOOL)
	closed.State = organizationv1.Unit_STATE_ARCHIVED
	organ := record("units/organ", "units/s", organizationv1.Unit_KIND_DEPARTMENT)
	organ.State = organizationv1.Unit_STATE_ARCHIVED
	run := []*feedv1.Entry{
		entry(t, 6, m), entry(t, 6, gone), entry(t, 6, closed), entry(t, 6, organ), entry(t, 6, &organizationv1.Member{Name: "units/closed/members/m"}),
		entry(t, 6, &organizationv1.Member{Name: "units/organ/members/m", Posts: []*organizationv1.Post{{Unit: "units/organ"}}}),
	}
	for _, u := range []*organizationv1.Unit{
		record("units/s", "units/c2", organizationv1.Unit_KIND_SCHOOL), record("units/d", "units/s", organizationv1.Unit_KIND_DEPARTMENT),
	} {
		u.State = organizationv1.Unit_STATE_ACTIVE
		run = append(run, entry(t, 6, u))
	}
	if err := d.apply(t.Context(), run, 14, 14); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		who, unit, day string
		want           bool
	}{
		{m.Name, "units/s", "2026-03-01", true},
		{m.Name, "units/d", "2026-03-01", true},
		{m.Name, "units/gone", "2026-03-01", true},
		{m.Name, "units/s", "2026-03-02", false},
		{m.Name, "units/c1", "2026-03-01", false}, // where they are entered
		{m.Name, "units/c2", "2026-03-01", false}, // above
		{"units/s/members/m", "units/s", "2026-03-01", true},
		{"units/s/members/nobody", "units/s", "2026-03-01", false},
		{"units/closed/members/m", "units/closed", "2026-03-01", true}, // for what was left to it
		{"units/organ/members/m", "units/organ", "2026-03-01", true},
		{"units/organ/members/m", "units/s", "2026-03-01", false},
	} {
		if got := d.Office(c.who, c.unit, c.day); (got != nil) != c.want {
			t.Errorf("%s in %s on %s: %v, want one: %v", c.who, c.unit, c.day, got, c.want)
		}
	}
}

// What was moved or merged beneath a unit since then is told, the topmost of it.
func TestWhatJoinedAUnit(t *testing.T) {
	d := filled(t)
	merged := record("units/d", "units/c1", organizationv1.Unit_KIND_DEPARTMENT)
	merged.State = organizationv1.Unit_STATE_MERGED
	if err := d.apply(t.Context(), []*feedv1.Entry{entry(t, 8, merged)}, 11, 11); err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct {
		unit string
		days int
		want []string
	}{
		{"units/c2", 4, []string{"units/s"}},
		{"units/c2", 5, nil},
		{"units/c1", 4, nil},
		{"units/c1", 7, []string{"units/d"}},
		{"units/p", 0, nil},
		{"units/c2", -1, nil},
	} {
		if got := d.Joined(x.unit, day.AddDate(0, 0, x.days)); !slices.Equal(got, x.want) {
			t.Errorf("%s since day %d: %v, want %v", x.unit, x.days, got, x.want)
		}
	}
}

func TestGrantsEnd(t *testing.T) {
	d := filled(t)
	if g := d.Grants("a"); len(g) != 1 || g[0].Role != accessv1.Role_ROLE_HEAD {
		t.Errorf("Grants = %v, want head alone", g)
	}
	if h := d.Holders("units/s", accessv1.Role_ROLE_HEAD); !slices.Equal(h, []string{"a"}) {
		t.Errorf("Holders = %v", h)
	}
	if h := d.Holders("units/s", accessv1.Role_ROLE_CLERK); h != nil {
		t.Errorf("holders of an ended grant: %v", h)
	}
}

func TestAnOldTreeDecidesNothing(t *testing.T) {
	now := day
	d := New(nil, func() time.Time { return now })
	if d.Fresh() == nil {
		t.Error("an empty directory is fresh")
	}
	if err := d.apply(t.Context(), nil, 0, 3); err != nil || d.Fresh() == nil {
		t.Errorf("a directory that is behind is fresh (%v)", err)
	}
	if err := d.apply(t.Context(), nil, 3, 3); err != nil || d.Fresh() != nil {
		t.Errorf("a current directory is not fresh: %v, %v", d.Fresh(), err)
	}
	now = now.Add(Staleness + 1)
	if d.Fresh() == nil {
		t.Error("a directory that heard nothing for 30 s is fresh")
	}
}

// source is a feed of a known size.
type source struct {
	feedv1.FeedServiceClient
	size uint64
}

func (s source) GetCheckpoint(context.Context, *feedv1.GetCheckpointRequest, ...grpc.CallOption) (*feedv1.Checkpoint, error) {
	return &feedv1.Checkpoint{Size: s.size}, nil
}

func TestCatchUpWaitsForWhatIsThere(t *testing.T) {
	d := New(source{size: 2}, func() time.Time { return day })
	caught := make(chan error)
	go func() { caught <- d.CatchUp(t.Context()) }()
	if err := d.apply(t.Context(), nil, 1, 2); err != nil {
		t.Fatal(err)
	}
	select {
	case <-caught:
		t.Error("caught up with one of two entries")
	default:
	}
	if err := d.apply(t.Context(), nil, 2, 2); err != nil {
		t.Fatal(err)
	}
	if err := <-caught; err != nil || d.Position() != 2 {
		t.Errorf("CatchUp = %v at %d", err, d.Position())
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := d.await(ctx, own, 9); err == nil {
		t.Error("await outlived its context")
	}
}

func TestKeysAreToldOf(t *testing.T) {
	d := filled(t)
	var told []string
	d.Key = func(name string) { told = append(told, name) }
	run := []*feedv1.Entry{
		entry(t, 0, &organizationv1.ApiKey{Name: "apiKeys/a"}),
		entry(t, 0, &organizationv1.Member{Name: "units/s/members/n"}),
		entry(t, 0, &organizationv1.ApiKey{Name: "apiKeys/a", RevokeTime: timestamppb.New(day)}),
	}
	if err := d.apply(t.Context(), run, 13, 13); err != nil {
		t.Fatal(err)
	}
	if want := []string{"apiKeys/a", "apiKeys/a"}; !slices.Equal(told, want) {
		t.Errorf("told of %q, want %q", told, want)
	}
}

// What a unit was at some time is what it was at the beginning or at one of all moments
// of the tree: nothing that was for a moment is left out, and nothing is told that was
// at another time.
func TestStandsIsWhatEveryMomentSays(t *testing.T) {
	for seed := range uint64(200) {
		random := rand.New(rand.NewPCG(seed, 1))
		d, moments := grown(t, random)
		from := day.AddDate(0, 0, random.IntN(40))
		to := from.AddDate(0, 0, random.IntN(20))
		for _, name := range []string{"units/0", "units/3", "units/none"} {
			want, got := map[string]bool{}, map[string]bool{}
			for _, at := range append(moments, from) {
				if !at.Before(from) && !at.After(to) {
					want[fmt.Sprint(d.UnitAt(name, at).GetLabels(), len(d.PathAt(name, at)))] = true
				}
			}
			for is, depth := range d.Stands(name, from, to) {
				got[fmt.Sprint(is.GetLabels(), depth)] = true
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("seed %d, %s from %v to %v (-want +got):\n%s", seed, name, from, to, diff)
			}
		}
	}
}

// grown is a directory of four units that were moved and relabelled at random, and the
// moments of its entries.
func grown(t *testing.T, random *rand.Rand) (d *Directory, moments []time.Time) {
	t.Helper()
	d = New(nil, func() time.Time { return day })
	run := []*feedv1.Entry{entry(t, 0, record("units/p", "", organizationv1.Unit_KIND_PROVINCE))}
	for days := range 60 {
		n := random.IntN(4)
		if days < 4 {
			n = 3 - days
		}
		above := "units/p"
		if up := n + 1 + random.IntN(4); up < 4 {
			above = fmt.Sprint("units/", up)
		}
		is := record(fmt.Sprint("units/", n), above, organizationv1.Unit_KIND_SCHOOL)
		is.Labels = map[string]string{"l": fmt.Sprint(random.IntN(3))}
		run = append(run, entry(t, days-random.IntN(2)*days%2, is))
	}
	if err := d.apply(t.Context(), run, uint64(len(run)), uint64(len(run))); err != nil {
		t.Fatal(err)
	}
	for _, e := range run {
		moments = append(moments, e.GetEffective().AsTime())
	}
	return d, moments
}

// A listing of a thousand units over a year asks this twelve thousand times for each
// form: the history that was before costs little, and that of others nothing.
func BenchmarkStands(b *testing.B) {
	d := New(nil, func() time.Time { return day })
	d.learnUnit(record("units/p", "", organizationv1.Unit_KIND_PROVINCE), day)
	d.learnUnit(record("units/c", "units/p", organizationv1.Unit_KIND_CITY), day)
	for i := range 1000 {
		for version := range 5 {
			d.learnUnit(record(fmt.Sprint("units/", i), "units/c", organizationv1.Unit_KIND_SCHOOL), day.AddDate(0, version, 0))
		}
	}
	for b.Loop() {
		for i := range 1000 {
			name := fmt.Sprint("units/", i)
			for month := range 12 {
				for range d.Stands(name, day.AddDate(0, month, 0), day.AddDate(0, month+1, 0)) {
					continue
				}
			}
		}
	}
}
