package portal_test

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/known/timestamppb"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	campaignv1 "github.com/duban-project/duban/proto/gen/go/duban/campaign/v1"
	_ "github.com/duban-project/duban/proto/gen/go/duban/complaint/v1" // that every resource is linked
	evaluationv1 "github.com/duban-project/duban/proto/gen/go/duban/evaluation/v1"
	_ "github.com/duban-project/duban/proto/gen/go/duban/event/v1"
	_ "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
	"github.com/duban-project/duban/services/internal/feed"
	"github.com/duban-project/duban/services/internal/portal"
)

// open are the resources that portals know of in every state.
var open = map[protoreflect.FullName]bool{
	"duban.organization.v1.Unit": true,
}

// TestWhatNobodyNamedIsNotForPortals: a new resource is for those inside until
// somebody has said when it is public.
func TestWhatNobodyNamedIsNotForPortals(t *testing.T) {
	n := 0
	protoregistry.GlobalTypes.RangeMessages(func(mt protoreflect.MessageType) bool {
		if name := mt.Descriptor().FullName(); strings.HasPrefix(string(name), "duban.") {
			n++
			if got := portal.Public(mt.New().Interface()); got != open[name] {
				t.Errorf("%s is public as it begins: %v", name, got)
			}
		}
		return true
	})
	if n < 100 {
		t.Errorf("%d messages were looked at, which cannot be all", n)
	}
	if portal.Public(nil) {
		t.Error("nothing is public")
	}
}

// What was asked and not granted, why something was returned, and which report awaits its
// superior, is not for portals.
func TestWhatIsNotDecidedIsNotShown(t *testing.T) {
	asked := rectificationv1.Extension_STATE_ASKED
	p := portal.Shown(&rectificationv1.Problem{Accepted: true, Reason: "returned", Extensions: []*rectificationv1.Extension{
		{State: rectificationv1.Extension_STATE_APPROVED, Reason: "granted"}, {State: asked}, {State: rectificationv1.Extension_STATE_REFUSED},
	}})
	if p.GetReason() != "" || len(p.GetExtensions()) != 1 || p.GetExtensions()[0].GetReason() != "granted" {
		t.Errorf("of a problem is shown %v", p)
	}
	if r := portal.Shown(&aggregationv1.Report{SupersededBy: "reports/2"}); r.GetSupersededBy() != "" {
		t.Errorf("of a report is shown %v", r)
	}
}

// Of no record is shown what its log has behind commitments, as events do not tell it
// either.
func TestWhatIsSealedIsNotShown(t *testing.T) {
	sealed := 0
	protoregistry.GlobalTypes.RangeMessages(func(mt protoreflect.MessageType) bool {
		if !strings.HasPrefix(string(mt.Descriptor().FullName()), "duban.") {
			return true
		}
		m, fields := mt.New(), mt.Descriptor().Fields()
		for i := range fields.Len() {
			if feed.Label(fields.Get(i)) != "" {
				sealed++
				put(m, fields.Get(i))
			}
		}
		before := proto.Clone(m.Interface())
		portal.Shown(m.Interface()).ProtoReflect().Range(func(f protoreflect.FieldDescriptor, _ protoreflect.Value) bool {
			if feed.Label(f) != "" {
				t.Errorf("%s is shown", f.FullName())
			}
			return true
		})
		if !proto.Equal(before, m.Interface()) {
			t.Errorf("%s was changed", mt.Descriptor().FullName())
		}
		return true
	})
	if sealed < 40 {
		t.Errorf("%d fields were looked at, which cannot be all", sealed)
	}
}

// put gives a field something that is not empty.
func put(m protoreflect.Message, f protoreflect.FieldDescriptor) {
	switch {
	case f.IsList() && f.Message() != nil:
		m.Mutable(f).List().AppendMutable()
	case f.IsList():
		m.Mutable(f).List().Append(protoreflect.ValueOfString("x"))
	case f.Message() != nil:
		m.Mutable(f)
	case f.Kind() == protoreflect.BoolKind:
		m.Set(f, protoreflect.ValueOfBool(true))
	default:
		m.Set(f, protoreflect.ValueOfString("x"))
	}
}

// Of a report that was accepted the rows are shown that count, and nothing that could not
// be read; of a ledger, how many problems nobody has accepted is not; and of a problem and
// an assignment no files.
func TestWhatNobodyAcceptedIsNotShown(t *testing.T) {
	good := &aggregationv1.Report_Row{Unit: "units/s", Value: 3, Verdict: aggregationv1.Report_VERDICT_CREATED, Counted: true}
	for _, c := range []struct{ record, want proto.Message }{
		{
			&aggregationv1.Report{Name: "reports/1", Columns: map[string]string{"value": "数"}, Progress: &aggregationv1.Report_Progress{}, Rows: []*aggregationv1.Report_Row{
				{Unreadable: "typed", Verdict: aggregationv1.Report_VERDICT_REJECTED}, good, {Code: "9", Verdict: aggregationv1.Report_VERDICT_QUARANTINED},
				{Unit: "units/t", Value: 4, Verdict: aggregationv1.Report_VERDICT_CONFLICT},
			}},
			&aggregationv1.Report{Name: "reports/1", Rows: []*aggregationv1.Report_Row{good}},
		},
		{
			&campaignv1.Assignment{Name: "a", ReturnReason: "why", Summary: "what", Evidence: []*campaignv1.Evidence{{Kind: "photo", Attachment: "a/attachments/1"}}},
			&campaignv1.Assignment{Name: "a", Evidence: []*campaignv1.Evidence{{Kind: "photo"}}},
		},
		{
			&rectificationv1.Problem{Name: "p", Progress: []*rectificationv1.Progress{{Text: "what"}}, SubmittedProgress: 1, Evidence: []string{"p/attachments/1"}},
			&rectificationv1.Problem{Name: "p"},
		},
		{
			&rectificationv1.Ledger{Name: "l", AcknowledgedVersion: 1, Version: 2, ProblemCount: 9},
			&rectificationv1.Ledger{Name: "l", AcknowledgedVersion: 1, Version: 1, State: rectificationv1.Ledger_STATE_ACKNOWLEDGED},
		},
		{
			&campaignv1.Campaign{Name: "c", LeadingGroup: []*campaignv1.LeadingMember{{DisplayName: "示例组长", Post: campaignv1.LeadingMember_POST_HEAD}}},
			&campaignv1.Campaign{Name: "c"},
		},
	} {
		if got := portal.Shown(c.record); !proto.Equal(got, c.want) {
			t.Errorf("is shown %v, want %v", got, c.want)
		}
	}
}

// TestWhatIsAcceptedOrPublishedIsForPortals goes through every state of what has
// one, and names those in which it is public.
func TestWhatIsAcceptedOrPublishedIsForPortals(t *testing.T) {
	for _, c := range []struct {
		record proto.Message
		public string
	}{
		{&aggregationv1.Report{}, "STATE_ACCEPTED"},
		{&campaignv1.Campaign{}, "STATE_PUBLISHED STATE_CLOSED"},
		{&campaignv1.Assignment{}, "STATE_APPROVED"},
		{&evaluationv1.Round{}, "STATE_PUBLISHED"},
		{&rectificationv1.Inspection{Visits: []*rectificationv1.Visit{{}}}, "STATE_CONCLUDED"},
		{&rectificationv1.Inspection{}, ""}, // GET has nothing of it either
		{&rectificationv1.LedgerVersion{}, "STATE_ACKNOWLEDGED"},
	} {
		m := c.record.ProtoReflect()
		field := m.Descriptor().Fields().ByName("state")
		states := field.Enum().Values()
		for i := range states.Len() {
			m.Set(field, protoreflect.ValueOfEnum(states.Get(i).Number()))
			name := string(states.Get(i).Name())
			want := strings.Contains(" "+c.public+" ", " "+name+" ")
			if got := portal.Public(c.record); got != want {
				t.Errorf("%s in %s is public: %v", m.Descriptor().Name(), name, got)
			}
		}
	}
	for _, record := range []proto.Message{
		&rectificationv1.Ledger{AcknowledgedVersion: 1}, &rectificationv1.Problem{Accepted: true}, &evaluationv1.Result{PublishTime: timestamppb.Now()},
	} {
		if !portal.Public(record) {
			t.Errorf("%T that was filed or published is not public", record)
		}
	}
}
