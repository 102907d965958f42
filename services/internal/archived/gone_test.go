package archived

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/timestamppb"

	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
)

const active, merged, ended = organizationv1.Unit_STATE_ACTIVE, organizationv1.Unit_STATE_MERGED, organizationv1.Unit_STATE_ARCHIVED

// entry says what a unit is from an instant on.
func entry(t *testing.T, body proto.Message, from string) *feedv1.Entry {
	t.Helper()
	at, err := time.Parse(time.RFC3339, from)
	if err != nil {
		t.Fatal(err)
	}
	packed, err := anypb.New(body)
	if err != nil {
		t.Fatal(err)
	}
	return &feedv1.Entry{Body: packed, Effective: timestamppb.New(at)}
}

func unit(name string, state organizationv1.Unit_State, into string) *organizationv1.Unit {
	return &organizationv1.Unit{Name: name, State: state, MergedInto: into}
}

// TestGone: with a unit go those that were merged into it, in this run or before, on
// the day that it was in China.
func TestGone(t *testing.T) {
	const noon, midnight = "2026-03-20T04:00:00Z", "2026-03-20T16:00:00Z"
	for name, c := range map[string]struct {
		before heirs
		run    []*feedv1.Entry
		want   map[string]string
	}{
		"nothing": {nil, nil, map[string]string{}},
		"a unit that goes on, and what is no unit": {nil, []*feedv1.Entry{
			entry(t, unit("units/a", active, ""), noon), entry(t, &organizationv1.Member{Name: "units/a/members/b"}, noon),
		}, map[string]string{}},
		"one":                       {nil, []*feedv1.Entry{entry(t, unit("units/a", ended, ""), noon)}, map[string]string{"units/a": "2026-03-20"}},
		"one, the day having ended": {nil, []*feedv1.Entry{entry(t, unit("units/a", ended, ""), midnight)}, map[string]string{"units/a": "2026-03-21"}},
		"merged is not archived":    {nil, []*feedv1.Entry{entry(t, unit("units/a", merged, "units/b"), noon)}, map[string]string{}},
		"with whom it took over, also through another": {
			heirs{"units/a": "units/b", "units/x": "units/y"},
			[]*feedv1.Entry{entry(t, unit("units/b", merged, "units/c"), noon), entry(t, unit("units/c", ended, ""), midnight)},
			map[string]string{"units/a": "2026-03-21", "units/b": "2026-03-21", "units/c": "2026-03-21"},
		},
	} {
		known := heirs{}
		for from, into := range c.before {
			known[from] = into
		}
		got, err := known.gone(c.run)
		if diff := cmp.Diff(c.want, got); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", name, err, diff)
		}
	}
	broken := &feedv1.Entry{Body: &anypb.Any{TypeUrl: "type.googleapis.com/duban.organization.v1.Unit", Value: []byte{0xff}}}
	if _, err := (heirs{}).gone([]*feedv1.Entry{broken}); err == nil {
		t.Error("an entry that cannot be read is passed over")
	}
}
