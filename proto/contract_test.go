package proto_test

import (
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	_ "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	_ "github.com/duban-project/duban/proto/gen/go/duban/blob/v1"
	_ "github.com/duban-project/duban/proto/gen/go/duban/campaign/v1"
	_ "github.com/duban-project/duban/proto/gen/go/duban/clock/v1"
	_ "github.com/duban-project/duban/proto/gen/go/duban/complaint/v1"
	_ "github.com/duban-project/duban/proto/gen/go/duban/evaluation/v1"
	_ "github.com/duban-project/duban/proto/gen/go/duban/event/v1"
	faultv1 "github.com/duban-project/duban/proto/gen/go/duban/fault/v1"
	_ "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	_ "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	_ "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
)

// files are the files of the contract.
func files() (all []protoreflect.FileDescriptor) {
	protoregistry.GlobalFiles.RangeFiles(func(f protoreflect.FileDescriptor) bool {
		if strings.HasPrefix(f.Path(), "duban/") {
			all = append(all, f)
		}
		return true
	})
	return all
}

func methods() (all []protoreflect.MethodDescriptor) {
	for _, f := range files() {
		for i := range f.Services().Len() {
			s := f.Services().Get(i)
			for j := range s.Methods().Len() {
				all = append(all, s.Methods().Get(j))
			}
		}
	}
	return all
}

func rule(m protoreflect.MethodDescriptor) *accessv1.Rule {
	r, _ := proto.GetExtension(m.Options(), accessv1.E_Rule).(*accessv1.Rule)
	return r
}

// binding returns the HTTP method and path of m, or nothing.
func binding(m protoreflect.MethodDescriptor) (verb, path string) {
	h, _ := proto.GetExtension(m.Options(), annotations.E_Http).(*annotations.HttpRule)
	switch p := h.GetPattern().(type) {
	case *annotations.HttpRule_Get:
		return http.MethodGet, p.Get
	case *annotations.HttpRule_Post:
		return http.MethodPost, p.Post
	case *annotations.HttpRule_Patch:
		return http.MethodPatch, p.Patch
	case *annotations.HttpRule_Delete:
		return http.MethodDelete, p.Delete
	default:
		return "", ""
	}
}

// public are the methods that anyone may call. Adding one is a decision.
var public = []protoreflect.FullName{
	"duban.clock.v1.ClockService.GetClock",
	// Citizens have no key; a receipt's code, or a paper code, is what they show.
	"duban.complaint.v1.ComplaintService.SubmitComplaint",
	"duban.complaint.v1.ComplaintService.LookupReceipt",
	"duban.evaluation.v1.EvaluationService.CastBallot",
	"duban.evaluation.v1.EvaluationService.GetBallotSet",
	// An installation below shows who it is by the signature in its first message.
	"duban.federation.v1.FederationService.Replicate",
}

func TestEveryMethodSaysWhoMayCall(t *testing.T) {
	var open []protoreflect.FullName
	for _, m := range methods() {
		r := rule(m)
		switch {
		case r == nil:
			t.Errorf("%s has no access rule", m.FullName())
		case r.GetPublic():
			open = append(open, m.FullName())
		case len(r.GetRoles()) > 0 && r.GetScope() == accessv1.Scope_SCOPE_UNSPECIFIED:
			t.Errorf("%s names roles but no scope", m.FullName())
		}
	}
	slices.Sort(open)
	if want := slices.Sorted(slices.Values(public)); !slices.Equal(open, want) {
		t.Errorf("public methods are %v, want %v", open, want)
	}
}

// answered are events that a person has to answer for, in words of the domain:
// "machines never sign, verify, close or accept".
var answered = regexp.MustCompile(`\.(signed|verified|closed|accepted|approved|acknowledged|published|tallied)$`)

func TestMachinesNeverSignVerifyCloseOrAccept(t *testing.T) {
	for _, m := range methods() {
		if r := rule(m); answered.MatchString(r.GetEvent()) && !r.GetPerson() {
			t.Errorf("%s leaves %s, but a machine may call it", m.FullName(), r.GetEvent())
		}
	}
}

var (
	standard = map[string]string{"Get": http.MethodGet, "List": http.MethodGet, "Create": http.MethodPost, "Update": http.MethodPatch, "Delete": http.MethodDelete}
	event    = regexp.MustCompile(`^[a-z_]+\.[a-z_]+$`)
	verb     = regexp.MustCompile(`^[A-Z][a-z]+`)
)

// TestMethodsKeepToAIP holds methods to AIP-127, 131–136, 155, 158 and 163.
func TestMethodsKeepToAIP(t *testing.T) {
	for _, m := range methods() {
		http, path := binding(m)
		if path == "" {
			if len(rule(m).GetServices()) == 0 && !m.IsStreamingClient() {
				t.Errorf("%s has no HTTP binding and is not for services alone", m.FullName())
			}
			continue
		}
		name := verb.FindString(string(m.Name()))
		if want, ok := standard[name]; ok {
			if http != want {
				t.Errorf("%s is bound to %s, want %s", m.FullName(), http, want)
			}
		} else if http != "POST" && !strings.Contains(path, ":") {
			t.Errorf("%s is a custom method: it must be POST …:verb, not %s %s", m.FullName(), http, path)
		}
		if name == "List" && !slices.Contains(byIndex, m.FullName()) {
			has(t, m.Input(), "page_size", "page_token", "filter")
			has(t, m.Output(), "next_page_token")
		}
		checkChange(t, m, http)
	}
}

// byIndex are lists that are read on in for ever, from a number or a cursor.
var byIndex = []protoreflect.FullName{"duban.feed.v1.FeedService.ListRecords", "duban.event.v1.EventService.ListEvents"}

// unrepeated are changes without a request id.
var unrepeated = []protoreflect.FullName{
	"duban.clock.v1.ClockService.SetClock",                 // the same time again changes nothing
	"duban.organization.v1.OrganizationService.Initialize", // its key is dead afterwards
}

// secretive are methods that read, but by POST, so that what the caller shows
// never stands in a URL.
var secretive = []protoreflect.FullName{"duban.complaint.v1.ComplaintService.LookupReceipt"}

func checkChange(t *testing.T, m protoreflect.MethodDescriptor, verb string) {
	t.Helper()
	e := rule(m).GetEvent()
	switch {
	case verb == http.MethodGet && e != "":
		t.Errorf("%s reads, but has an event", m.FullName())
	case verb == http.MethodGet, slices.Contains(secretive, m.FullName()), slices.Contains(unrepeated, m.FullName()):
	case !event.MatchString(e):
		t.Errorf("%s changes something: its event must be noun.participle, not %q", m.FullName(), e)
	default:
		has(t, m.Input(), "request_id", "validate_only")
	}
}

func has(t *testing.T, d protoreflect.MessageDescriptor, fields ...protoreflect.Name) {
	t.Helper()
	for _, f := range fields {
		if d.Fields().ByName(f) == nil {
			t.Errorf("%s has no %s", d.FullName(), f)
		}
	}
}

// TestFieldNamesSayWhatTheyHold holds fields to AIP-142.
func TestFieldNamesSayWhatTheyHold(t *testing.T) {
	each(func(d protoreflect.MessageDescriptor) {
		for i := range d.Fields().Len() {
			f := d.Fields().Get(i)
			name := string(f.Name())
			switch {
			case strings.HasSuffix(name, "_time") && (f.Message() == nil || f.Message().FullName() != "google.protobuf.Timestamp"):
				t.Errorf("%s is no Timestamp", f.FullName())
			case strings.HasSuffix(name, "_date") && f.Kind() != protoreflect.StringKind:
				t.Errorf("%s is no civil date", f.FullName())
			}
		}
	})
}

func each(look func(protoreflect.MessageDescriptor)) {
	var walk func(protoreflect.MessageDescriptors)
	walk = func(ds protoreflect.MessageDescriptors) {
		for i := range ds.Len() {
			look(ds.Get(i))
			walk(ds.Get(i).Messages())
		}
	}
	for _, f := range files() {
		walk(f.Messages())
	}
}

// TestOnlyTopLevelFieldsAreSealed: the feed parts a resource by its top-level
// fields, so a label further in would seal nothing.
func TestOnlyTopLevelFieldsAreSealed(t *testing.T) {
	each(func(d protoreflect.MessageDescriptor) {
		resource := d.Fields().ByName("etag") != nil && d.Fields().ByName("name") != nil
		for i := range d.Fields().Len() {
			f := d.Fields().Get(i)
			label, _ := proto.GetExtension(f.Options(), feedv1.E_Sealed).(string)
			if label != "" && !resource {
				t.Errorf("%s is sealed, but %s is no resource", f.FullName(), d.FullName())
			}
		}
	})
}

var placeholder = regexp.MustCompile(`\{[a-z_]+\}`)

// TestReasonsAreUniqueAndSpeakBothLanguages: a reason names one thing in the
// whole suite.
func TestReasonsAreUniqueAndSpeakBothLanguages(t *testing.T) {
	seen := map[protoreflect.Name]protoreflect.FullName{}
	for _, f := range files() {
		reasons := f.Enums().ByName("Reason")
		if reasons == nil {
			continue
		}
		for i := 1; i < reasons.Values().Len(); i++ {
			v := reasons.Values().Get(i)
			if before, ok := seen[v.Name()]; ok {
				t.Errorf("%s is also %s", v.FullName(), before)
			}
			seen[v.Name()] = v.FullName()
			checkText(t, v)
		}
	}
}

func checkText(t *testing.T, v protoreflect.EnumValueDescriptor) {
	t.Helper()
	text, _ := proto.GetExtension(v.Options(), faultv1.E_Text).(*faultv1.Text)
	switch {
	case text.GetKind() == faultv1.Kind_KIND_UNSPECIFIED:
		t.Errorf("%s has no kind", v.FullName())
	case !strings.HasSuffix(text.GetZh(), "。") || !strings.HasSuffix(text.GetEn(), "."):
		t.Errorf("%s must have a full sentence in each language: %q, %q", v.FullName(), text.GetZh(), text.GetEn())
	case !maps.Equal(facts(text.GetZh()), facts(text.GetEn())):
		t.Errorf("%s names other facts in Chinese than in English", v.FullName())
	}
}

func facts(text string) map[string]bool {
	found := map[string]bool{}
	for _, p := range placeholder.FindAllString(text, -1) {
		found[p] = true
	}
	return found
}
