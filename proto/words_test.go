package proto_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"google.golang.org/protobuf/proto"

	faultv1 "github.com/duban-project/duban/proto/gen/go/duban/fault/v1"
	validatev1 "github.com/duban-project/duban/proto/gen/go/duban/validate/v1"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// things are what reasons are about, and states what may be wrong with them: one
// word for one thing. A new word is a decision.
const (
	things = `ANSWER|ASSIGNED|ASSIGNMENT|ATTACHMENT|BALLOT|BODY|CAMPAIGN|CLOCK|COMPLAINT|CREDENTIALS?|DIRECTORY|DISK|ETAG|` +
		`EVENT_CURSOR|EVENT_TYPE|FIELDS?|FILTER|GRANT|IDENTITY|IMPORT|INSPECTION|INSTALLATION|ISSUER|KEY|LEDGER|LOG|MACHINE|` +
		`MEDIA_TYPE|MEMBER|METHOD|METRIC|NETWORK|ORIGIN|OUTCOME|PAGE_TOKEN|PERMISSION|PRINCIPAL|PROBLEM|QUOTA|REPORT|` +
		`REQUEST_ID|ROUND|ROUTE|SECOND_FACTOR|SERVER|SERVICE|STATUS|STREAM|TARGET|UNIT|WEBHOOK|WORK_ITEM`
	states = `AMBIGUOUS|ARCHIVED|BACKWARDS|CLOSED|CYCLE|DAMAGED|DENIED|DIFFERS|DOWN|EMPTY|ENDED|EXISTS|FAILED|FIXED|FULL|HAS_CHILDREN|` +
		`ILLEGAL_MOVE|IMMUTABLE|INCOMPLETE|INITIALIZED|INVALID|INVOLVED|IS_ROOT|MALFORMED|MISSING|NONE|NOT_ALLOWED|` +
		`NOT_FILED|NOT_PUBLISHED|NOT_SEALED|NOT_SIMULATED|NOT_VACANT|OUTSIDE|OVER|OVERLOADED|PENDING|RECORDED|REFUSED|` +
		`REMOTE|REPEATED|REQUIRED|REUSED|REVOKED|ROTATED|RUNNING|SAME_PERSON|SEPARATE|SPENT|STALE|STOPPING|SUPERSEDED|TAKEN|TOO_DEEP|TOO_LARGE|` +
		`TOO_MANY|UNAVAILABLE|UNCHANGED|UNKNOWN|UNSUPPORTED`
)

var named = regexp.MustCompile(`^REASON_(` + things + `)_([A-Z]+_)*?(` + states + `)$`)

// general are reasons that are known by the name of their gRPC code, or by usage.
var general = map[protoreflect.Name]bool{"REASON_UNAUTHENTICATED": true, "REASON_NOT_FOUND": true, "REASON_RATE_LIMITED": true}

func TestReasonsNameAThingThenItsState(t *testing.T) {
	n := 0
	for _, f := range files() {
		reasons := f.Enums().ByName("Reason")
		if reasons == nil {
			continue
		}
		for i := 1; i < reasons.Values().Len(); i++ {
			n++
			if name := reasons.Values().Get(i).Name(); !general[name] && !named.MatchString(string(name)) {
				t.Errorf("%s does not name a thing and then its state", name)
			}
		}
	}
	if n < 100 {
		t.Errorf("%d reasons were looked at, which cannot be all", n)
	}
}

// TestWhatIsExhaustedComesBack: who is told to slow down repeats the call. What is full for
// good is refused.
func TestWhatIsExhaustedComesBack(t *testing.T) {
	for _, f := range files() {
		reasons := f.Enums().ByName("Reason")
		if reasons == nil || f.Package() == "duban.fault.v1" {
			continue
		}
		for i := range reasons.Values().Len() {
			v := reasons.Values().Get(i)
			if text, _ := proto.GetExtension(v.Options(), faultv1.E_Text).(*faultv1.Text); text.GetKind() == faultv1.Kind_KIND_EXHAUSTED {
				t.Errorf("%s is answered with Retry-After", v.FullName())
			}
		}
	}
}

// TestContractsAreShort: messages that need more are parted by resource. A service stands
// in one file, whatever it has.
func TestContractsAreShort(t *testing.T) {
	const messages, service = 500, 800
	paths, err := filepath.Glob("api/duban/*/v1/*.proto")
	if err != nil || len(paths) < 10 {
		t.Fatalf("%d contracts, %v", len(paths), err)
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		limit := messages
		if strings.Contains(string(text), "\nservice ") {
			limit = service
		}
		if n := strings.Count(string(text), "\n"); n > limit {
			t.Errorf("%s has %d lines, more than %d", path, n, limit)
		}
	}
}

// TestDisplayNamesAreOneLine: whatever people call a thing stands in tables and
// letters.
func TestDisplayNamesAreOneLine(t *testing.T) {
	found := 0
	each(func(d protoreflect.MessageDescriptor) {
		f := d.Fields().ByName("display_name")
		if f == nil || !proto.HasExtension(f.Options(), validate.E_Field) {
			return // nobody enters it
		}
		rules, _ := proto.GetExtension(f.Options(), validate.E_Field).(*validate.FieldRules)
		if line, _ := proto.GetExtension(rules.GetString(), validatev1.E_Line).(bool); !line {
			t.Errorf("%s is not held to one line", f.FullName())
		}
		found++
	})
	if found == 0 {
		t.Error("no display name is held to anything")
	}
}
