package change_test

import (
	"bytes"
	"context"
	"errors"
	"strconv"
	"sync"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	complaintv1 "github.com/duban-project/duban/proto/gen/go/duban/complaint/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/internal/authz"
	"github.com/duban-project/duban/services/internal/change"
	"github.com/duban-project/duban/services/internal/fault"
	"github.com/duban-project/duban/services/internal/store"
	"github.com/duban-project/duban/services/internal/suitetest"
	"github.com/duban-project/duban/services/organization"
)

func create(id, display, request string) *organizationv1.CreateUnitRequest {
	return &organizationv1.CreateUnitRequest{
		UnitId: id, RequestId: request,
		Unit: &organizationv1.Unit{DisplayName: display, Kind: organizationv1.Unit_KIND_CITY, Parent: "units/root"},
	}
}

func TestARepeatGetsTheFirstAnswer(t *testing.T) {
	s := suitetest.Run(t)
	org := s.Organization(s.SystemAdmin)
	first, err := org.CreateUnit(t.Context(), create("", "市教育局", "r1"))
	if err != nil {
		t.Fatal(err)
	}
	again, err := org.CreateUnit(t.Context(), create("", "市教育局", "r1"))
	if err != nil || !proto.Equal(first, again) {
		t.Errorf("the repeat = %v, %v; want %v", again, err, first)
	}
	if _, err := org.CreateUnit(t.Context(), create("", "另一个", "r1")); !errors.Is(err, change.ErrReused) {
		t.Errorf("the same id with another body = %v, want ErrReused", err)
	}
	withHeader := metadata.AppendToOutgoingContext(t.Context(), "idempotency-key", "r1")
	if _, err := org.CreateUnit(withHeader, create("", "市教育局", "r2")); !errors.Is(err, change.ErrFields) {
		t.Errorf("two ids = %v, want ErrFields", err)
	}
	other := s.Organization(s.SecurityAdmin)
	if _, err := other.CreateUnit(t.Context(), create("", "市教育局", "r1")); err == nil {
		t.Error("another principal got the answer")
	}
}

// TestADamagedAnswerIsNotGiven: who repeats a request is told nothing rather than something
// else than the first time.
func TestADamagedAnswerIsNotGiven(t *testing.T) {
	s := suitetest.Run(t)
	org := s.Organization(s.SystemAdmin)
	again := func() error {
		_, err := org.CreateUnit(t.Context(), create("city", "市教育局", "r1"))
		return err
	}
	if err := again(); err != nil {
		t.Fatal(err)
	}
	of := s.Stores()["organization"]
	write := func(row store.Entry) {
		t.Helper()
		if err := of.Update(t.Context(), func(tx store.Tx) error { return tx.Put("requests", row.Key, row.Value) }); err != nil {
			t.Fatal(err)
		}
	}
	var was []store.Entry
	err := of.View(t.Context(), func(tx store.Tx) error {
		for row, err := range tx.Scan("requests", nil, nil) {
			was = append(was, row)
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil || len(was) != 1 {
		t.Fatalf("%d requests are remembered, %v", len(was), err)
	}
	for name, spoil := range map[string]func(b []byte) []byte{
		"its answer": func(b []byte) []byte { b[len(b)-1] ^= 1; return b },
		"its units":  func(b []byte) []byte { b[44] ^= 1; return b },
		"its time":   func(b []byte) []byte { b[7] ^= 1; return b },
		"all of it":  func([]byte) []byte { return nil },
	} {
		write(store.Entry{Key: was[0].Key, Value: spoil(bytes.Clone(was[0].Value))})
		if err := again(); status.Code(err) != codes.Internal {
			t.Errorf("%s is damaged, and the repeat is answered %v", name, err)
		}
		write(was[0])
		if err := again(); err != nil {
			t.Errorf("%s is whole again, and the repeat is answered %v", name, err)
		}
	}
}

func TestAHeaderIsAsGoodAsTheField(t *testing.T) {
	s := suitetest.Run(t)
	org := s.Organization(s.SystemAdmin)
	ctx := metadata.AppendToOutgoingContext(t.Context(), "idempotency-key", "h1")
	first, err := org.CreateUnit(ctx, create("", "市教育局", ""))
	if err != nil {
		t.Fatal(err)
	}
	for name, again := range map[string]struct {
		ctx context.Context
		id  string
	}{"in the header": {ctx, ""}, "in the field": {t.Context(), "h1"}, "in both": {ctx, "h1"}} {
		answer, err := org.CreateUnit(again.ctx, create("", "市教育局", again.id))
		if err != nil || answer.GetName() != first.GetName() {
			t.Errorf("the repeat %s = %v, %v; want %s", name, answer, err, first.GetName())
		}
	}
}

func TestARepeatShowsNoSecret(t *testing.T) {
	s := suitetest.Run(t)
	who := s.Person(s.Root)
	req := &organizationv1.CreateApiKeyRequest{ApiKey: &organizationv1.ApiKey{Principal: who.Name}, RequestId: "k1"}
	org := s.Organization(s.SecurityAdmin)
	first, err := org.CreateApiKey(t.Context(), req)
	if err != nil || first.GetSecret() == "" {
		t.Fatalf("the first = %v, %v", first.GetApiKey(), err)
	}
	again, err := org.CreateApiKey(t.Context(), req)
	if err != nil || again.GetSecret() != "" || again.GetApiKey().GetName() != first.GetApiKey().GetName() {
		t.Errorf("the repeat is %s with a secret of %d bytes, %v", again.GetApiKey().GetName(), len(again.GetSecret()), err)
	}
}

func TestValidateOnlyChecksAndChangesNothing(t *testing.T) {
	s := suitetest.Run(t)
	org := s.Organization(s.SystemAdmin)
	dry := create("city", "市教育局", "d1")
	dry.ValidateOnly = true
	if u, err := org.CreateUnit(t.Context(), dry); err != nil || u.GetName() != "units/city" {
		t.Fatalf("the dry run = %v, %v", u, err)
	}
	if _, err := org.CreateUnit(t.Context(), create("city", "市教育局", "d1")); err != nil {
		t.Errorf("after a dry run = %v", err)
	}
	if _, err := org.CreateUnit(t.Context(), dry); !errors.Is(err, organization.ErrUnitExists) {
		t.Errorf("a dry run of what cannot be = %v, want ErrUnitExists", err)
	}
}

func TestAStaleEtagIsRefused(t *testing.T) {
	s := suitetest.Run(t)
	org := s.Organization(s.SystemAdmin)
	u, err := org.CreateUnit(t.Context(), create("city", "市教育局", ""))
	if err != nil {
		t.Fatal(err)
	}
	rename := func(display, etag string) error {
		_, err := org.UpdateUnit(t.Context(), &organizationv1.UpdateUnitRequest{
			Unit: &organizationv1.Unit{Name: u.GetName(), DisplayName: display, Kind: u.GetKind(), Etag: etag},
		})
		return err
	}
	if err := rename("新名称", u.GetEtag()); err != nil {
		t.Fatal(err)
	}
	if err := rename("再改名", u.GetEtag()); !errors.Is(err, change.ErrEtagStale) {
		t.Errorf("a stale etag = %v, want ErrEtagStale", err)
	}
	ctx := metadata.AppendToOutgoingContext(t.Context(), "if-match", `"`+u.GetEtag()+`"`)
	_, err = org.ArchiveUnit(ctx, &organizationv1.ArchiveUnitRequest{Name: u.GetName()})
	if !errors.Is(err, change.ErrEtagStale) {
		t.Errorf("a stale If-Match = %v, want ErrEtagStale", err)
	}
}

func TestAChangeOfNothingWritesNothing(t *testing.T) {
	s := suitetest.Run(t)
	org := s.Organization(s.SystemAdmin)
	u, err := org.CreateUnit(t.Context(), create("city", "市教育局", ""))
	if err != nil {
		t.Fatal(err)
	}
	same, err := org.UpdateUnit(t.Context(), &organizationv1.UpdateUnitRequest{Unit: &organizationv1.Unit{Name: u.GetName()}})
	if err != nil || same.GetEtag() != u.GetEtag() {
		t.Errorf("an empty update = %v, %v", same, err)
	}
	same, err = org.MoveUnit(t.Context(), &organizationv1.MoveUnitRequest{Name: u.GetName(), Parent: u.GetParent()})
	if err != nil || same.GetEtag() != u.GetEtag() {
		t.Errorf("moving to where it lies = %v, %v", same, err)
	}
}

func TestIfMatch(t *testing.T) {
	s := suitetest.Run(t)
	org := s.Organization(s.SystemAdmin)
	u, err := org.CreateUnit(t.Context(), create("city", "市教育局", ""))
	if err != nil {
		t.Fatal(err)
	}
	own := `"` + u.GetEtag() + `"`
	for match, want := range map[string]error{
		"*":                      nil,
		own:                      nil,
		`"x", ` + own:            nil,
		own + `,"x"`:             nil,
		`"x,y" , ` + own + ` ,`:  nil,
		`"x"`:                    change.ErrEtagStale,
		`"x", "y"`:               change.ErrEtagStale,
		"W/" + own:               change.ErrEtagStale,
		"W/" + own + `, "x"`:     change.ErrEtagStale,
		"W/" + own + ", " + own:  nil,
		u.GetEtag():              change.ErrEtagStale,
		`"` + u.GetEtag() + `0"`: change.ErrEtagStale,
	} {
		ctx := metadata.AppendToOutgoingContext(t.Context(), "if-match", match)
		_, err := org.ArchiveUnit(ctx, &organizationv1.ArchiveUnitRequest{Name: u.GetName(), ValidateOnly: true})
		if !errors.Is(err, want) {
			t.Errorf("If-Match: %s = %v, want %v", match, err, want)
		}
	}
}

func TestIfMatchNeverHoldsForWhatIsNew(t *testing.T) {
	org := suitetest.Run(t)
	for _, match := range []string{"*", `"1"`} {
		ctx := metadata.AppendToOutgoingContext(t.Context(), "if-match", match)
		_, err := org.Organization(org.SystemAdmin).CreateUnit(ctx, create("city", "市教育局", ""))
		if !errors.Is(err, change.ErrEtagStale) {
			t.Errorf("If-Match: %s = %v, want ErrEtagStale", match, err)
		}
	}
}

func TestOneOfManyRepeatsAtOnceCounts(t *testing.T) {
	s := suitetest.Run(t)
	org := s.Organization(s.SystemAdmin)
	names := make([]string, 32)
	var wg sync.WaitGroup
	for i := range names {
		wg.Go(func() {
			u, err := org.CreateUnit(t.Context(), create("", "市教育局", "same"))
			if err != nil {
				t.Error(err)
			}
			names[i] = u.GetName()
		})
	}
	wg.Wait()
	for _, name := range names {
		if name != names[0] {
			t.Fatalf("two answers to one request id: %s, %s", name, names[0])
		}
	}
}

func TestListsTurnPages(t *testing.T) {
	s := suitetest.Run(t)
	for i := range 7 {
		s.Unit("u"+strconv.Itoa(i), s.Root, organizationv1.Unit_KIND_CITY)
	}
	org := s.Organization(s.SystemAdmin)
	req := &organizationv1.ListUnitsRequest{PageSize: 3, Filter: "kind = CITY"}
	var names []string
	for {
		page, err := org.ListUnits(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		for _, u := range page.GetUnits() {
			names = append(names, u.GetName())
		}
		if req.PageToken = page.GetNextPageToken(); req.GetPageToken() == "" {
			break
		}
	}
	if len(names) != 7 {
		t.Errorf("the pages together have %d units, want 7: %v", len(names), names)
	}
}

func TestAPartialUpdateIsHeldOnlyToWhatItChanges(t *testing.T) {
	s := suitetest.Run(t)
	org := s.Organization(s.SystemAdmin)
	city := s.Unit("city", s.Root, organizationv1.Unit_KIND_CITY)
	update := func(u *organizationv1.Unit, paths ...string) error {
		u.Name = city
		_, err := org.UpdateUnit(t.Context(), &organizationv1.UpdateUnitRequest{Unit: u, UpdateMask: &fieldmaskpb.FieldMask{Paths: paths}})
		return err
	}
	if err := update(&organizationv1.Unit{DisplayName: "新名"}, "display_name"); err != nil {
		t.Errorf("renaming = %v", err)
	}
	if err := update(&organizationv1.Unit{DisplayName: "新名"}); err != nil {
		t.Errorf("renaming without a mask = %v", err)
	}
	if err := update(&organizationv1.Unit{}, "display_name"); !errors.Is(err, change.ErrFields) {
		t.Errorf("taking the name away = %v, want ErrFields", err)
	}
	if err := update(&organizationv1.Unit{Kind: organizationv1.Unit_KIND_SCHOOL}, "kind"); !errors.Is(err, change.ErrFields) {
		t.Errorf("changing the kind = %v, want ErrFields", err)
	}
}

// TestAWholeUpdateSaysAllThere: by "*", as without a mask, what does not change is said as
// it is or refused where it stands, and nothing that must be there is taken away.
func TestAWholeUpdateSaysAllThere(t *testing.T) {
	s := suitetest.Run(t)
	org := s.Organization(s.SystemAdmin)
	city := s.Unit("city", s.Root, organizationv1.Unit_KIND_CITY)
	u, err := org.GetUnit(t.Context(), &organizationv1.GetUnitRequest{Name: city})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		alter func(*organizationv1.Unit)
		mask  string
		at    string // where it is refused
	}{
		"as it was read":                 {func(*organizationv1.Unit) {}, "*", ""},
		"renamed":                        {func(u *organizationv1.Unit) { u.DisplayName = "新名" }, "*", ""},
		"with what is output alone":      {func(u *organizationv1.Unit) { u.State = organizationv1.Unit_STATE_MERGED }, "*", ""},
		"another kind":                   {func(u *organizationv1.Unit) { u.Kind = organizationv1.Unit_KIND_SCHOOL }, "*", "unit.kind"},
		"another parent":                 {func(u *organizationv1.Unit) { u.Parent = "units/x" }, "*", "unit.parent"},
		"no parent":                      {func(u *organizationv1.Unit) { u.Parent = "" }, "*", "unit.parent"},
		"no name":                        {func(u *organizationv1.Unit) { u.DisplayName = "" }, "*", "unit.display_name"},
		"another kind, without a mask":   {func(u *organizationv1.Unit) { u.Kind = organizationv1.Unit_KIND_SCHOOL }, "", "unit.kind"},
		"the name alone, without a mask": {func(u *organizationv1.Unit) { u.Kind, u.Parent = 0, "" }, "", ""},
	} {
		said := proto.CloneOf(u)
		said.Etag = ""
		c.alter(said)
		var mask *fieldmaskpb.FieldMask
		if c.mask != "" {
			mask = &fieldmaskpb.FieldMask{Paths: []string{c.mask}}
		}
		_, err := org.UpdateUnit(t.Context(), &organizationv1.UpdateUnitRequest{Unit: said, UpdateMask: mask})
		at := ""
		if f := fault.As(err); errors.Is(err, change.ErrFields) && len(f.Fields) == 1 {
			at = f.Fields[0].Path
		}
		if at != c.at || c.at == "" && err != nil {
			t.Errorf("%s: %v at %q, want %q", name, err, at, c.at)
		}
	}
}

func TestARepeatIsNotAnsweredToWhoLostTheRight(t *testing.T) {
	s := suitetest.Run(t)
	city := s.Unit("city", s.Root, organizationv1.Unit_KIND_CITY)
	other := s.Unit("other", s.Root, organizationv1.Unit_KIND_CITY)
	who := s.Person(other, accessv1.Role_ROLE_SYSTEM_ADMIN)
	grant := s.Grant(who.Name, city, accessv1.Role_ROLE_SYSTEM_ADMIN)
	req := create("", "区教育局", "mine")
	req.Unit.Parent, req.Unit.Kind = city, organizationv1.Unit_KIND_DISTRICT
	if _, err := s.Organization(who.Key).CreateUnit(t.Context(), req); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Organization(s.SecurityAdmin).DeleteRoleGrant(t.Context(), &organizationv1.DeleteRoleGrantRequest{Name: grant}); err != nil {
		t.Fatal(err)
	}
	s.CatchUp()
	if u, err := s.Organization(who.Key).CreateUnit(t.Context(), req); !errors.Is(err, authz.ErrNotFound) {
		t.Errorf("the repeat without the right = %v, %v; want ErrNotFound", u, err)
	}
}

func TestADryRunShowsNoSecret(t *testing.T) {
	s := suitetest.Run(t)
	k, err := s.Organization(s.SecurityAdmin).CreateApiKey(t.Context(), &organizationv1.CreateApiKeyRequest{
		ApiKey: &organizationv1.ApiKey{Principal: s.Person(s.Root).Name}, ValidateOnly: true,
	})
	if err != nil || k.GetSecret() != "" || k.GetApiKey().GetName() == "" {
		t.Errorf("the dry run = %v with a secret of %d bytes, %v", k.GetApiKey(), len(k.GetSecret()), err)
	}
}

func TestThePublicsRequestIDsCannotBeGuessed(t *testing.T) {
	s := suitetest.Run(t)
	city := s.Unit("city", s.Root, organizationv1.Unit_KIND_CITY)
	s.Person(s.Root, accessv1.Role_ROLE_COMPLAINT_OFFICER)
	s.Person(city, accessv1.Role_ROLE_COMPLAINT_OFFICER)
	submit := func(id string) error {
		_, err := s.Complaint("").SubmitComplaint(t.Context(), &complaintv1.SubmitComplaintRequest{
			RequestId: id, Complaint: &complaintv1.Complaint{
				Unit: city, Type: complaintv1.Complaint_TYPE_SUGGESTION, Channel: complaintv1.Complaint_CHANNEL_WEB, Category: "服务", Text: "请公开办事流程。",
			},
		})
		return err
	}
	if err := submit("1"); !errors.Is(err, change.ErrFields) {
		t.Errorf("a request id that anyone may guess = %v, want ErrFields", err)
	}
	if err := submit("0191e5b0-7c1e-4c6a-9d55-3f0c3f2a9b11"); err != nil {
		t.Errorf("a random one = %v", err)
	}
}
