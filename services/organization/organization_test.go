package organization_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/internal/fault"
	"github.com/duban-project/duban/services/organization"
)

const (
	active   = organizationv1.Unit_STATE_ACTIVE
	archived = organizationv1.Unit_STATE_ARCHIVED
	district = organizationv1.Unit_KIND_DISTRICT
	school   = organizationv1.Unit_KIND_SCHOOL
)

func unit(name, parent string, kind organizationv1.Unit_Kind, state organizationv1.Unit_State) *organizationv1.Unit {
	return &organizationv1.Unit{Name: name, Parent: parent, Kind: kind, State: state}
}

// path is a chain of n active units, nearest first.
func path(n int) (units []*organizationv1.Unit) {
	for i := range n {
		units = append(units, unit(fmt.Sprintf("units/a%d", n-i), "above", district, active))
	}
	return units
}

func TestMoveUnit(t *testing.T) {
	u := unit("units/u", "units/old", district, active)
	for _, c := range []struct {
		name   string
		u      *organizationv1.Unit
		above  []*organizationv1.Unit
		levels int
		want   error
	}{
		{"elsewhere", u, path(2), 1, nil},
		{"beneath itself", u, append([]*organizationv1.Unit{u}, path(1)...), 1, organization.ErrUnitCycle},
		{"to the last level", u, path(7), 1, nil},
		{"too deep", u, path(7), 2, organization.ErrTreeTooDeep},
		{"the root", unit("units/r", "", district, active), path(1), 1, organization.ErrUnitIsRoot},
		{"an archived unit", unit("units/x", "units/old", district, archived), path(1), 1, organization.ErrUnitArchived},
		{"beneath an archived unit", u, []*organizationv1.Unit{unit("units/x", "p", district, archived)}, 1, organization.ErrUnitArchived},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := proto.Clone(c.u)
			got, err := organization.MoveUnit(c.u, c.above, c.levels)
			if !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
				t.Fatalf("MoveUnit = %v, want %v", err, c.want)
			}
			if err == nil && got.GetParent() != c.above[0].GetName() {
				t.Errorf("it lies beneath %s", got.GetParent())
			}
			if !proto.Equal(before, c.u) {
				t.Error("MoveUnit changed its argument")
			}
		})
	}
}

// TestAUnitNeverRanksAboveItsParent, however it comes there. Of each pair the second
// never lies beneath the first; of all others in these rows each may lie beneath the
// ones before it.
func TestAUnitNeverRanksAboveItsParent(t *testing.T) {
	const (
		nation, province, city = organizationv1.Unit_KIND_NATION, organizationv1.Unit_KIND_PROVINCE, organizationv1.Unit_KIND_CITY
		area, affiliate        = organizationv1.Unit_KIND_SCHOOL_DISTRICT, organizationv1.Unit_KIND_AFFILIATE
		department, branch     = organizationv1.Unit_KIND_DEPARTMENT, organizationv1.Unit_KIND_PARTY_BRANCH
	)
	order := [][]organizationv1.Unit_Kind{{nation}, {province}, {city}, {district}, {area}, {school, affiliate}, {department, branch}}
	for above, parents := range order {
		for below, kinds := range order {
			for _, parent := range parents {
				for _, kind := range kinds {
					at := []*organizationv1.Unit{unit("units/p", "", parent, active)}
					_, created := organization.NewUnit("units/u", unit("", "units/p", kind, active), at)
					_, moved := organization.MoveUnit(unit("units/u", "units/old", kind, active), at, 1)
					_, adopted := organization.AdoptUnit(unit("units/u", "units/old", kind, active), at, 1)
					for field, err := range map[string]error{"unit.parent": created, "parent": moved, "into": adopted} {
						f := fault.As(err)
						if refused := f != nil && f.Is(organization.ErrUnitLevel) && f.Fields[0].Path == field; refused != (below < above) || (err != nil) != refused {
							t.Errorf("%s beneath %s, by %s: %v", kind, parent, field, err)
						}
					}
				}
			}
		}
	}
}

func TestMergeAndArchive(t *testing.T) {
	u := unit("units/u", "units/old", district, active)
	if _, err := organization.MergeUnit(u, []*organizationv1.Unit{unit("units/s", "p", school, active)}, 1); !errors.Is(err, organization.ErrMergeKindDiffers) {
		t.Errorf("merging into another kind = %v", err)
	}
	for _, into := range [][]*organizationv1.Unit{{u}, {unit("units/c", "units/u", district, active), u}} {
		_, err := organization.MergeUnit(u, into, 1)
		if f := fault.As(err); !errors.Is(err, organization.ErrMergeSelf) || f.Fields[0].Path != "into" {
			t.Errorf("merging into itself, or beneath, = %v", err)
		}
	}
	merged, err := organization.MergeUnit(u, path(1), 1)
	if err != nil || merged.GetState() != organizationv1.Unit_STATE_MERGED || merged.GetMergedInto() != "units/a1" {
		t.Errorf("MergeUnit = %v, %v", merged, err)
	}
	if _, err := organization.ArchiveUnit(u, []*organizationv1.Unit{unit("units/c", "units/u", school, active)}); !errors.Is(err, organization.ErrUnitHasChildren) {
		t.Errorf("archiving with a child = %v", err)
	}
	got, err := organization.ArchiveUnit(u, []*organizationv1.Unit{unit("units/c", "units/u", school, archived)})
	if err != nil || got.GetState() != archived || u.GetState() != active {
		t.Errorf("ArchiveUnit = %v, %v", got, err)
	}
}

// TestLife walks every state and move: what the table does not name is refused.
func TestLife(t *testing.T) {
	for _, state := range []organizationv1.Unit_State{active, archived, organizationv1.Unit_STATE_MERGED} {
		u := unit("units/u", "units/p", district, state)
		_, archiving := organization.ArchiveUnit(u, nil)
		_, merging := organization.MergeUnit(u, path(1), 1)
		for m, err := range map[organization.Move]error{organization.Archiving: archiving, organization.Merging: merging} {
			if _, legal := organization.Life.Next(state, m); legal != (err == nil) {
				t.Errorf("%s from %s: the table says %v, the rule %v", m, state, legal, err)
			}
		}
	}
}

// Who holds both from before gets no key that carries both, and one for either.
func TestAKeyCarriesNoTwoRolesThatAreKeptApart(t *testing.T) {
	const officer, custodian = accessv1.Role_ROLE_COMPLAINT_OFFICER, accessv1.Role_ROLE_CUSTODIAN
	held := []*organizationv1.RoleGrant{{Role: officer, Unit: "units/a"}, {Role: custodian, Unit: "units/b"}}
	for _, c := range []struct {
		roles []accessv1.Role
		want  error
	}{
		{nil, organization.ErrCustodianSeparate}, {[]accessv1.Role{custodian, officer}, organization.ErrCustodianSeparate}, {[]accessv1.Role{officer}, nil},
		{[]accessv1.Role{officer, accessv1.Role_ROLE_AUDITOR}, organization.ErrAdministratorsSeparate},
	} {
		k := &organizationv1.ApiKey{Roles: c.roles}
		if err := organization.Opens(k, organization.Carried(k, held), []string{"units/a"}); !errors.Is(err, c.want) {
			t.Errorf("%v: %v, want %v", c.roles, err, c.want)
		}
	}
}

func TestNewGrant(t *testing.T) {
	const person, machine = "units/u/members/m", "machines/x"
	roles := map[string]accessv1.Role{}
	for n, name := range accessv1.Role_name {
		roles[strings.TrimPrefix(name, "ROLE_")] = accessv1.Role(n)
	}
	held := func(names ...string) (grants []*organizationv1.RoleGrant) {
		for _, n := range names {
			grants = append(grants, &organizationv1.RoleGrant{Principal: person, Role: roles[n], Unit: "units/u"})
		}
		return grants
	}
	ended := held("AUDITOR")
	ended[0].EndTime = timestamppb.Now()
	for _, c := range []struct {
		name, principal, role string
		held                  []*organizationv1.RoleGrant
		by                    string
		want                  error
	}{
		{"to another", person, "HEAD", nil, "units/u/members/admin", nil},
		{"to oneself", person, "HEAD", nil, person, organization.ErrSelfGrant},
		{"a second administrator's role", person, "AUDITOR", held("SYSTEM_ADMIN"), "a", organization.ErrAdministratorsSeparate},
		{"an administrator who decides", person, "CUSTODIAN", held("SECURITY_ADMIN"), "a", organization.ErrAdministratorsSeparate},
		{"an officer who keeps identities", person, "CUSTODIAN", held("COMPLAINT_OFFICER"), "a", organization.ErrCustodianSeparate},
		{"a custodian who works on cases", person, "COMPLAINT_OFFICER", held("CUSTODIAN"), "a", organization.ErrCustodianSeparate},
		{"a custodian who decides on cases", person, "LEADER", held("CUSTODIAN"), "a", organization.ErrCustodianSeparate},
		{"a clerk who keeps identities", person, "CUSTODIAN", held("CLERK"), "a", organization.ErrCustodianSeparate},
		{"a custodian who registers", person, "REGISTRAR", held("CUSTODIAN"), "a", nil},
		{"an administrator who reads", person, "VIEWER", held("SECURITY_ADMIN"), "a", nil},
		{"after the other has ended", person, "SYSTEM_ADMIN", ended, "a", nil},
		{"the same again", person, "HEAD", held("HEAD"), "a", organization.ErrGrantExists},
		{"a reporter", machine, "REPORTER", nil, "a", nil},
		{"a machine that signs", machine, "HEAD", nil, "a", organization.ErrRoleNotForPrincipal},
		{"a person as portal", person, "PORTAL", nil, "a", organization.ErrRoleNotForPrincipal},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := &organizationv1.RoleGrant{Principal: c.principal, Role: roles[c.role], Unit: "units/u"}
			_, err := organization.NewGrant("roleGrants/g", g, c.held, c.by)
			if !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
				t.Errorf("NewGrant = %v, want %v", err, c.want)
			}
		})
	}
	g, err := organization.EndGrant(held("HEAD")[0], time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := organization.EndGrant(g, time.Now()); !errors.Is(err, organization.ErrGrantEnded) {
		t.Errorf("ending twice = %v", err)
	}
}

func TestKeys(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	ask := &organizationv1.ApiKey{Principal: "machines/x"}
	k, err := organization.NewKey("apiKeys/k", ask, "by", now)
	if err != nil || !organization.Holds(k, now) || organization.Holds(k, now.Add(organization.KeyLifetime)) {
		t.Fatalf("NewKey = %v, %v", k, err)
	}
	for name, at := range map[string]time.Time{"the past": now, "too far": now.Add(organization.KeyLifetime + 1)} {
		ask := &organizationv1.ApiKey{Principal: "machines/x", ExpireTime: timestamppb.New(at)}
		if _, err := organization.NewKey("apiKeys/k", ask, "by", now); !errors.Is(err, organization.ErrExpiryOutOfRange) {
			t.Errorf("expiry in %s = %v", name, err)
		}
	}
	if _, err := organization.NewKey("apiKeys/k", ask, "machines/x", now); !errors.Is(err, organization.ErrSelfGrant) {
		t.Errorf("a key to oneself = %v", err)
	}
	succession := organization.Succession{Name: "apiKeys/n"}
	next, old, err := organization.RotateKey(k, &organizationv1.RotateApiKeyRequest{Overlap: durationpb.New(time.Hour)}, succession, now)
	switch {
	case err != nil:
		t.Fatal(err)
	case !organization.Holds(old, now.Add(59*time.Minute)), organization.Holds(old, now.Add(time.Hour)):
		t.Error("the old key does not end with the overlap")
	case !organization.Holds(next, now.Add(time.Hour)):
		t.Error("the successor does not hold")
	}
	if _, _, err := organization.RotateKey(old, &organizationv1.RotateApiKeyRequest{}, succession, now); !errors.Is(err, organization.ErrKeyRotated) {
		t.Errorf("rotating what has a successor = %v", err)
	}
	gone, err := organization.RevokeKey(k, now)
	if err != nil || organization.Holds(gone, now) {
		t.Errorf("RevokeKey = %v, %v", gone, err)
	}
	if _, err := organization.RevokeKey(gone, now); !errors.Is(err, organization.ErrKeyEnded) {
		t.Errorf("revoking twice = %v", err)
	}
	if _, _, err := organization.RotateKey(gone, &organizationv1.RotateApiKeyRequest{}, succession, now); !errors.Is(err, organization.ErrKeyEnded) {
		t.Errorf("rotating what has ended = %v", err)
	}
}

func TestASuccessorLivesAsLongAsTheKeyBefore(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	const day = 24 * time.Hour
	for _, c := range []struct {
		name            string
		lifetime, asked time.Duration // the old key's; 0: not asked
		own             bool
		want            time.Duration
		err             error
	}{
		{"a week again", 7 * day, 0, false, 7 * day, nil},
		{"two years again", organization.KeyLifetime, 0, false, organization.KeyLifetime, nil},
		{"issued for longer than may be", organization.KeyLifetime + day, 0, false, organization.KeyLifetime, nil},
		{"asked for", 7 * day, 30 * day, false, 30 * day, nil},
		{"asked for by its holder", 7 * day, 6 * day, true, 6 * day, nil},
		{"asked for by its holder, longer", 7 * day, 30 * day, true, 0, organization.ErrExpiryOutOfRange},
		{"asked for in the past", 7 * day, -1, false, 0, organization.ErrExpiryOutOfRange},
		{"asked for too long", 7 * day, organization.KeyLifetime + 1, false, 0, organization.ErrExpiryOutOfRange},
	} {
		created := now.Add(-3 * day)
		k := &organizationv1.ApiKey{Principal: "machines/x", CreateTime: timestamppb.New(created), ExpireTime: timestamppb.New(created.Add(c.lifetime))}
		req := &organizationv1.RotateApiKeyRequest{}
		if c.asked != 0 {
			req.ExpireTime = timestamppb.New(now.Add(c.asked))
		}
		next, _, err := organization.RotateKey(k, req, organization.Succession{Name: "apiKeys/n", Own: c.own}, now)
		switch {
		case !errors.Is(err, c.err) || (err == nil) != (c.err == nil):
			t.Errorf("%s: %v, want %v", c.name, err, c.err)
		case err != nil && fault.As(err).Fields[0].Path != "expire_time":
			t.Errorf("%s: refused at %q", c.name, fault.As(err).Fields[0].Path)
		case err == nil && next.GetExpireTime().AsTime().Sub(now) != c.want:
			t.Errorf("%s: for %v, want %v", c.name, next.GetExpireTime().AsTime().Sub(now), c.want)
		}
	}
}

func TestParseRows(t *testing.T) {
	const header = "id,parent_id,kind,display_name,labels,codes\n"
	for _, c := range []struct{ name, row, column string }{
		{"a unit", "s1,d1,school,演示小学,stage=primary;boarding=true,school=4205020001", ""},
		{"no id", ",d1,school,x,,", "id"},
		{"no parent", "s1,,school,x,,", "parent_id"},
		{"an unknown kind", "s1,d1,palace,x,,", "kind"},
		{"labels that are none", "s1,d1,school,x,primary,", "labels"},
		{"two codes of a scheme", "s1,d1,school,x,boarding=true,school=2;school=1", ""},
		{"a label twice", "s1,d1,school,x,a=1;a=2,", "labels"},
		{"codes that are none", "s1,d1,school,x,,4205", "codes"},
		{"a cell too few", "s1,d1,school,x,", "id"},
	} {
		t.Run(c.name, func(t *testing.T) {
			rows, err := organization.ParseRows("\ufeff" + header + c.row + "\n")
			if err != nil || len(rows) != 1 || rows[0].Line != 2 {
				t.Fatalf("ParseRows = %v, %v", rows, err)
			}
			if c.column == "" && (rows[0].Err != nil || rows[0].Unit.GetLabels()["boarding"] != "true" || rows[0].Unit.GetCodes()[0].GetScheme() != "school") {
				t.Errorf("row = %v, %v", rows[0].Unit, rows[0].Err)
			}
			if c.column != "" && !errors.Is(rows[0].Err, organization.ErrRowInvalid) {
				t.Errorf("err = %v, want ErrRowInvalid at %s", rows[0].Err, c.column)
			}
		})
	}
	for name, text := range map[string]string{
		"nothing": "", "a column too few": "id,kind,display_name\n", "an unknown column": "id,parent_id,kind,display_name,color\n",
		"a column twice": "id,id,parent_id,kind,display_name\n", "a broken quote": header + "\"s1,d1\n",
		"a long column": "id,parent_id,kind,display_name," + strings.Repeat("列", 20_000) + "\n",
		"too many rows": header + strings.Repeat("s,d,school,x,,\n", organization.Rows+1),
	} {
		_, err := organization.ParseRows(text)
		if !errors.Is(err, organization.ErrCSVUnreadable) {
			t.Errorf("%s = %v, want ErrCSVUnreadable", name, err)
		} else if len(err.Error()) > 300 {
			t.Errorf("%s: what the table says is repeated with %d bytes", name, len(err.Error()))
		}
	}
}

// A row that has the codes of a unit in another order changes nothing.
func TestTheOrderOfCodesIsNoChange(t *testing.T) {
	const table = "id,parent_id,kind,display_name,codes\ns1,d1,school,演示小学,"
	u := &organizationv1.Unit{
		Name: "units/s1", Parent: "units/d1", DisplayName: "演示小学", Kind: organizationv1.Unit_KIND_SCHOOL, State: organizationv1.Unit_STATE_ACTIVE,
		Codes: []*organizationv1.Code{{Scheme: "school", Value: "2"}, {Scheme: "gbt2260", Value: "420502"}, {Scheme: "school", Value: "1"}},
	}
	for codes, want := range map[string]organizationv1.ImportUnitsResponse_Verdict{
		"school=2;gbt2260=420502;school=1": organizationv1.ImportUnitsResponse_VERDICT_UNCHANGED,
		"gbt2260=420502;school=1;school=2": organizationv1.ImportUnitsResponse_VERDICT_UNCHANGED,
		"gbt2260=420502;school=1":          organizationv1.ImportUnitsResponse_VERDICT_UPDATED,
		"gbt2260=420502;school=1;school=1": organizationv1.ImportUnitsResponse_VERDICT_UPDATED,
		"":                                 organizationv1.ImportUnitsResponse_VERDICT_UPDATED,
	} {
		rows, err := organization.ParseRows(table + codes + "\n")
		if err != nil || rows[0].Err != nil {
			t.Fatalf("%s: %v, %v", codes, rows, err)
		}
		if _, verdict, err := organization.Compare(u, rows[0]); err != nil || verdict != want {
			t.Errorf("%s = %v, %v; want %v", codes, verdict, err, want)
		}
	}
}

// A header that has a column twice is told so, and not that there is no such column.
func TestADoubledColumnIsToldAsOne(t *testing.T) {
	_, err := organization.ParseRows("id,parent_id,kind,display_name,id\n")
	f := fault.As(err)
	if f == nil || len(f.Fields) != 1 || f.Fields[0].En != `column "id" stands twice` || f.Fields[0].Zh != `列 "id" 重复` {
		t.Errorf("a header with a column twice = %v", err)
	}
}

// A label that a cell has twice is told as one, and not that the cell is no list of labels.
func TestADoubledLabelIsToldAsOne(t *testing.T) {
	const header = "id,parent_id,kind,display_name,labels\ns1,d1,school,演示小学,"
	for cell, want := range map[string][2]string{
		"a=1;b=2;a=3": {`键 "a" 重复`, `the key "a" stands twice`},
		"a=1;a=1":     {`键 "a" 重复`, `the key "a" stands twice`},
		"a=1;a=2;b":   {"格式应为 键=值;键=值", "must be key=value;key=value"},
	} {
		rows, err := organization.ParseRows(header + cell + "\n")
		if err != nil || len(rows) != 1 {
			t.Fatalf("%s: %v, %v", cell, rows, err)
		}
		f := fault.As(rows[0].Err)
		if f == nil || f.Reason != organization.ErrRowInvalid.Reason || len(f.Fields) != 1 || f.Fields[0].Path != "labels" || f.Fields[0].Zh != want[0] || f.Fields[0].En != want[1] {
			t.Errorf("%s: %v", cell, rows[0].Err)
		}
	}
}

func FuzzParseRows(f *testing.F) {
	f.Add("id,parent_id,kind,display_name\ns1,d1,school,x\n")
	f.Fuzz(func(t *testing.T, text string) {
		rows, err := organization.ParseRows(text)
		if err == nil && len(rows) > organization.Rows {
			t.Errorf("%d rows", len(rows))
		}
	})
}
