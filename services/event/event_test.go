package event_test

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	_ "github.com/duban-project/duban/proto/gen/go/duban/blob/v1" // with the rules', every resource is linked
	complaintv1 "github.com/duban-project/duban/proto/gen/go/duban/complaint/v1"
	evaluationv1 "github.com/duban-project/duban/proto/gen/go/duban/evaluation/v1"
	eventv1 "github.com/duban-project/duban/proto/gen/go/duban/event/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
	"github.com/duban-project/duban/services/event"
	"github.com/duban-project/duban/services/internal/lifecycle/lifecycletest"
)

// untold are the resources of which there are no events, each with its reason.
var untold = map[protoreflect.FullName]string{
	"duban.aggregation.v1.ReportCode": "codes are their source's, whose unit they do not name",
	"duban.aggregation.v1.Target":     "a target is read with the status that it is of",
	"duban.aggregation.v1.Urge":       "who is urged sees it in the worklist",
	"duban.blob.v1.Attachment":        "a file is its parent's, whose event tells the unit",
	"duban.complaint.v1.Opening":      "who opened a sealed case is for its desk alone",
	"duban.evaluation.v1.BallotBatch": "ballots are told of by the public ballot set",
	"duban.event.v1.Webhook":          "webhooks are their owners'",
	"duban.organization.v1.ApiKey":    "keys are for the administrators",
	"duban.organization.v1.Identity":  "accounts are for the administrators",
}

// TestEveryResourceIsDecidedAbout: a new resource is told to nobody until
// somebody has said whose it is and who may read it.
func TestEveryResourceIsDecidedAbout(t *testing.T) {
	n := 0
	protoregistry.GlobalTypes.RangeMessages(func(mt protoreflect.MessageType) bool {
		d := mt.Descriptor()
		if !strings.HasPrefix(string(d.FullName()), "duban.") || d.Fields().ByName("etag") == nil || d.Fields().ByName("create_time") == nil {
			return true
		}
		n++
		m := mt.New().Interface()
		if r, ok := m.(*evaluationv1.Result); ok {
			r.PublishTime = timestamppb.Now()
		}
		_, told := event.PlaceOf(m)
		if reason := untold[d.FullName()]; told == (reason != "") {
			t.Errorf("%s is told: %v; its reason not to be: %q", d.FullName(), told, reason)
		}
		return true
	})
	if n < 18 {
		t.Errorf("%d resources were looked at, which cannot be all", n)
	}
}

func TestPlaces(t *testing.T) {
	for name, c := range map[string]struct {
		body proto.Message
		want event.Place
		told bool
	}{
		"a problem":           {&rectificationv1.Problem{Unit: "units/s", Campaign: "campaigns/c"}, event.Place{Unit: "units/s", Campaign: "campaigns/c"}, true},
		"a member":            {&organizationv1.Member{Name: "units/s/members/m"}, event.Place{Unit: "units/s"}, true},
		"an open case":        {&complaintv1.Complaint{Desk: "units/d", AssignedUnit: "units/s"}, event.Place{Unit: "units/d", Assigned: "units/s"}, true},
		"a sealed case":       {&complaintv1.Complaint{Desk: "units/d", Sealed: true}, event.Place{Unit: "units/d"}, false},
		"about a head":        {&complaintv1.Complaint{Desk: "units/d", AboutHead: true}, event.Place{Unit: "units/d"}, false},
		"a report":            {&complaintv1.Complaint{Desk: "units/d", Type: complaintv1.Complaint_TYPE_REPORT}, event.Place{Unit: "units/d"}, false},
		"a result not public": {&evaluationv1.Result{Unit: "units/s"}, event.Place{Unit: "units/s"}, false},
	} {
		if got, told := event.PlaceOf(c.body); got != c.want || told != c.told {
			t.Errorf("%s = %+v, %v", name, got, told)
		}
	}
}

func TestTypesWanted(t *testing.T) {
	const kind = "rectification.problem.closed.v1"
	for types, want := range map[string]bool{
		"": true, kind: true, "rectification.*": true, "rectification.problem.*": true, "campaign.* rectification.problem.*": true,
		"campaign.*": false, "rectification.problem.closed.v2": false, "rectification.prob": false,
	} {
		if got := event.Wanted(strings.Fields(types), kind); got != want {
			t.Errorf("%q wants it: %v", types, got)
		}
	}
}

func TestEveryMoveOfAWebhook(t *testing.T) {
	tried := map[event.Move]bool{event.Enabling: true, event.Disabling: true, event.Deleting: true, event.Pinging: true}
	suspending := map[event.Move]bool{event.Suspending: true}
	maps.Copy(suspending, tried)
	lifecycletest.Tried(t, event.Life, suspending)
	for number := range eventv1.Webhook_State_name {
		state := eventv1.Webhook_State(number)
		for move := range tried {
			before := &eventv1.Webhook{State: state, Url: "u", Cause: eventv1.Webhook_CAUSE_GONE}
			after, err := event.Next(before, move)
			want, legal := event.Life.Next(state, move)
			switch {
			case before.GetState() != state || before.GetUrl() != "u":
				t.Errorf("%s from %s changed its argument", move, state)
			case legal && (err != nil || after.GetState() != want || after.GetCause() != 0 || (after.GetUrl() == "") != (move == event.Deleting)):
				t.Errorf("%s from %s = %v, %v", move, state, after, err)
			case !legal && !errors.Is(err, event.ErrIllegalMove):
				t.Errorf("%s from %s = %v, want a refusal", move, state, err)
			}
		}
		suspended := event.Suspend(&eventv1.Webhook{State: state}, eventv1.Webhook_CAUSE_GONE)
		if want, legal := event.Life.Next(state, event.Suspending); legal && suspended.GetState() != want || !legal && suspended.GetState() != state {
			t.Errorf("suspended from %s: %v", state, suspended)
		}
	}
}

func TestTheReadmeDrawsTheTable(t *testing.T) {
	lifecycletest.Drawn(t, "README.md", lifecycletest.Of(event.Life))
}

// The schedule of the specification, written down once more.
func TestTheScheduleIsThatOfTheSpecification(t *testing.T) {
	want := strings.Fields("5s 5m 30m 2h 5h 10h 14h 20h 24h")
	failed, total := event.Outcome{Status: 500}, time.Duration(0)
	for i, text := range want {
		d, err := time.ParseDuration(text)
		got, again := failed.Again(i+1, 0)
		if err != nil || got != d || !again {
			t.Errorf("after %d tries %v, %v, want %s", i+1, got, again, text)
		}
		total += got
		if late, _ := failed.Again(i+1, 1); late != d+d/10 {
			t.Errorf("after %d tries at most %v", i+1, late)
		}
	}
	if _, again := failed.Again(event.Tries, 0); again || total != 75*time.Hour+35*time.Minute+5*time.Second {
		t.Errorf("a try after the last; or all take %v", total)
	}
	if _, again := failed.Again(0, 0); again {
		t.Error("a pause before the first try")
	}
}

func TestOutcomes(t *testing.T) {
	for status, want := range map[int][3]bool{ // delivered, throttled, gone
		200: {true, false, false}, 204: {true, false, false}, 299: {true, false, false}, 302: {}, 400: {}, 500: {}, 0: {},
		410: {false, false, true}, 429: {false, true, false}, 502: {false, true, false}, 503: {false, true, false}, 504: {false, true, false},
	} {
		o := event.Outcome{Status: status}
		if got := [3]bool{o.Delivered(), o.Throttled(), o.Gone()}; got != want {
			t.Errorf("%d = %v", status, got)
		}
	}
	asked := event.Outcome{Status: 429, RetryAfter: time.Minute}
	if got, _ := asked.Again(1, 0); got != time.Minute {
		t.Errorf("a receiver that asks for a minute gets %v", got)
	}
	asked.RetryAfter = 1000 * time.Hour
	if got, _ := asked.Again(1, 0); got != 24*time.Hour {
		t.Errorf("a receiver that asks for weeks gets %v", got)
	}
	now := time.Date(2026, 2, 9, 0, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		o     event.Outcome
		since time.Time
		dead  int
		want  eventv1.Webhook_Cause
	}{
		"gone":    {event.Outcome{Status: 410}, now, 0, eventv1.Webhook_CAUSE_GONE},
		"days":    {event.Outcome{Status: 500}, now.Add(-5 * 24 * time.Hour), 0, eventv1.Webhook_CAUSE_FAILING},
		"a day":   {event.Outcome{Status: 500}, now.Add(-24 * time.Hour), 0, eventv1.Webhook_CAUSE_UNSPECIFIED},
		"dead":    {event.Outcome{Status: 500}, now, event.Dead, eventv1.Webhook_CAUSE_DEAD_LETTERS},
		"success": {event.Outcome{Status: 200}, time.Time{}, event.Dead, eventv1.Webhook_CAUSE_UNSPECIFIED},
	} {
		if got := c.o.Cause(c.since, now, c.dead); got != c.want {
			t.Errorf("%s = %v", name, got)
		}
	}
}

func TestPayloads(t *testing.T) {
	at := timestamppb.New(time.Date(2026, 2, 9, 1, 2, 3, 0, time.UTC))
	resource := func(text string) *structpb.Struct {
		return &structpb.Struct{Fields: map[string]*structpb.Value{"description": structpb.NewStringValue(text)}}
	}
	e := &eventv1.Event{Type: "a.b.v1", Time: at, EffectiveTime: at, Unit: "units/s", Subject: "a/1", Revision: 2, Cursor: "c", Data: resource("问题")}
	const thin = `{"type":"a.b.v1","timestamp":"2026-02-09T01:02:03Z","data":{"subject":"a/1","revision":"2","unit":"units/s","campaign":"","effectiveTime":"2026-02-09T01:02:03Z","cursor":"c"`
	for _, full := range []bool{false, true} {
		got, err := event.Payload(e, full)
		want := thin + "}}"
		if full {
			want = thin + `,"resource":{"description":"问题"}}}`
		}
		if err != nil || string(got) != want {
			t.Errorf("full %v = %s, %v, want %s", full, got, err, want)
		}
	}
	e.Data = resource(strings.Repeat("长", event.Largest))
	got, err := event.Payload(e, true)
	if err != nil || len(got) > event.Largest || !json.Valid(got) || string(got) != thin+"}}" {
		t.Errorf("what does not fit is %d bytes, %v", len(got), err)
	}
}

func TestReadersAreThoseOfTheContract(t *testing.T) {
	for message, method := range map[protoreflect.FullName]protoreflect.FullName{
		"duban.complaint.v1.Complaint": "duban.complaint.v1.ComplaintService.GetComplaint", "duban.organization.v1.RoleGrant": "duban.organization.v1.OrganizationService.GetRoleGrant",
		"duban.rectification.v1.Problem": "duban.rectification.v1.RectificationService.GetProblem", "duban.rectification.v1.Inspection": "duban.rectification.v1.RectificationService.GetInspection",
		"duban.rectification.v1.Ledger": "duban.rectification.v1.RectificationService.GetLedger", "duban.rectification.v1.LedgerVersion": "duban.rectification.v1.RectificationService.GetLedgerVersion",
		"duban.campaign.v1.Campaign": "duban.campaign.v1.CampaignService.GetCampaign", "duban.campaign.v1.Assignment": "duban.campaign.v1.CampaignService.GetAssignment",
		"duban.organization.v1.Member": "duban.organization.v1.OrganizationService.GetMember", "duban.organization.v1.Machine": "duban.organization.v1.OrganizationService.GetMachine",
		"duban.aggregation.v1.Report": "duban.aggregation.v1.AggregationService.GetReport", "duban.evaluation.v1.Round": "duban.evaluation.v1.EvaluationService.GetRound",
	} {
		if got, want := event.Readers(message), rolesOf(t, method); !slices.Equal(got, want) {
			t.Errorf("%s is read by %v, but %s lets %v", message, got, method, want)
		}
	}
}

// rolesOf are the roles that the contract names for a method.
func rolesOf(t *testing.T, method protoreflect.FullName) []accessv1.Role {
	t.Helper()
	d, err := protoregistry.GlobalFiles.FindDescriptorByName(method)
	if err != nil {
		t.Fatal(err)
	}
	rule, _ := proto.GetExtension(d.Options(), accessv1.E_Rule).(*accessv1.Rule)
	return rule.GetRoles()
}
