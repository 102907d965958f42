package main

import (
	"bytes"
	"errors"
	"regexp"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/organization"
)

// TestAnOperatorReadmitsASecurityAdministrator whose key was lost: one key for another,
// and the log says so. While a key holds, or the suite runs, nothing is issued.
func TestAnOperatorReadmitsASecurityAdministrator(t *testing.T) {
	t.Parallel()
	c := settings(t.TempDir())
	readmit := func(args ...string) (string, error) {
		var out bytes.Buffer
		err := run(t.Context(), append([]string{"readmit", "-config", file(t, c)}, args...), &out)
		return out.String(), err
	}
	if _, err := readmit(); err == nil || !strings.Contains(err.Error(), "does not hold") {
		t.Errorf("in an empty folder: %v", err)
	}
	first := boot(t, c)
	keys := initialize(t, first)
	if _, err := readmit("-lost"); exit(err) != exitConfig || !strings.Contains(err.Error(), "what runs on the data is to be stopped first") {
		t.Errorf("while the suite runs: %v", err)
	}
	first.stop()
	if out, err := readmit(); !errors.Is(err, organization.ErrGoverned) || out != "" {
		t.Errorf("while a key holds: %q, %v", out, err)
	}
	if out, err := readmit("-lost", keys.name); err == nil || out != "" {
		t.Errorf("somebody else: %q, %v", out, err)
	}
	out, err := readmit("-lost")
	shown := regexp.MustCompile(`^key of (units/root/members/\S+), until \S+ \(shown this once\): (duban_\S+)\n$`).FindStringSubmatch(out)
	if err != nil || shown == nil {
		t.Fatalf("the only one: %q, %v", out, err)
	}
	clean(t, c)
	second := boot(t, c)
	defer second.stop()
	ask := &organizationv1.GetCallerRequest{}
	if _, err := second.as(keys).security().GetCaller(t.Context(), ask); err == nil {
		t.Error("the key that was lost holds")
	}
	keys.security = shown[2]
	me, err := second.as(keys).security().GetCaller(t.Context(), ask)
	if err != nil || me.GetPrincipal() != shown[1] || len(me.GetGrants()) != 1 {
		t.Errorf("the new key is of %v, %v; want %s", me, err, shown[1])
	}
	if _, err := second.as(keys).security().CreateApiKey(t.Context(), &organizationv1.CreateApiKeyRequest{ApiKey: &organizationv1.ApiKey{Principal: keys.name}}); err != nil {
		t.Errorf("it issues a key: %v", err)
	}
	log, err := second.as(keys).feed().ListRecords(t.Context(), &feedv1.ListRecordsRequest{Parent: "feeds/organization", PageSize: 100})
	if err != nil {
		t.Fatal(err)
	}
	told := map[string]int{}
	for _, r := range log.GetRecords() {
		var e feedv1.Entry
		if err := proto.Unmarshal(r.GetEntry(), &e); err != nil {
			t.Fatal(err)
		}
		told[e.GetKind()]++
	}
	if told["organization.key.readmitted.v1"] != 1 || told["organization.key.revoked.v1"] != 1 {
		t.Errorf("the log tells of %v", told)
	}
}
