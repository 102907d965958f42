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
		{&rectificationv1.Inspection{}, "STATE_CONCLUDED"},
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
