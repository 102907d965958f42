// Package setup brings a city into an empty installation: its units, its people,
// what they may do and the keys they call with. What they then do is for package
// story.
package setup

import (
	"context"
	"encoding/csv"
	"fmt"
	"strings"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/internal/story/cast"
	"github.com/duban-project/duban/services/internal/story/stage"
)

// Setup is that of a stage.
type Setup struct {
	*stage.Stage
	// Bootstrap is the key of the first start.
	Bootstrap string
}

// Initialize sets up the installation: the province, and the three
// administrators with a key each.
func (s *Setup) Initialize(ctx context.Context) error {
	root := s.City.Units[0]
	answer := &organizationv1.InitializeResponse{}
	err := s.Client.As(s.Bootstrap).Post(ctx, "/v1/installation:initialize", &organizationv1.InitializeRequest{
		Root:   &organizationv1.Unit{DisplayName: root.DisplayName, Kind: kind(root)},
		RootId: strings.ToLower(root.Code), SystemAdmin: s.nameOf("system_admin"),
		SecurityAdmin: s.nameOf("security_admin"), Auditor: s.nameOf("auditor"),
	}, answer)
	if err != nil {
		return err
	}
	s.Keep("system", answer.GetSystemAdmin().GetSecret())
	s.Keep("security", answer.GetSecurityAdmin().GetSecret())
	s.Keep("auditor", answer.GetAuditor().GetSecret())
	again := s.Client.As(s.Bootstrap).Post(ctx, "/v1/installation:initialize", &organizationv1.InitializeRequest{}, answer)
	if again == nil {
		return fmt.Errorf("the bootstrap key still holds after it was used")
	}
	return nil
}

func (s *Setup) nameOf(role string) string {
	for _, p := range s.City.People {
		if p.Has(role) {
			return p.DisplayName
		}
	}
	return ""
}

func kind(u cast.Unit) organizationv1.Unit_Kind {
	return organizationv1.Unit_Kind(organizationv1.Unit_Kind_value["KIND_"+u.Kind])
}

// ImportUnits brings in the whole tree with one call.
func (s *Setup) ImportUnits(ctx context.Context) error {
	var table strings.Builder
	w := csv.NewWriter(&table)
	rows := [][]string{{"id", "parent_id", "kind", "display_name", "labels", "codes"}}
	for _, u := range s.City.Units[1:] {
		codes := ""
		if u.Division != "" {
			codes = "gbt2260=" + u.Division
		}
		rows = append(rows, []string{strings.ToLower(u.Code), strings.ToLower(u.Parent), u.Kind, u.DisplayName, u.Labels, codes})
	}
	if err := w.WriteAll(rows); err != nil {
		return err
	}
	answer := &organizationv1.ImportUnitsResponse{}
	req := &organizationv1.ImportUnitsRequest{Ancestor: s.City.Units[0].Name(), Csv: table.String()}
	if err := s.As("system").Post(ctx, "/v1/units:import", req, answer); err != nil {
		return err
	}
	return stage.Same("units imported", int(answer.GetTotals()["VERDICT_CREATED"]), len(s.City.Units)-1)
}

// posts is the standing of a person by the id.
var posts = map[string]organizationv1.Post_Kind{
	"head": organizationv1.Post_KIND_HEAD, "leader": organizationv1.Post_KIND_DEPUTY,
	"chief": organizationv1.Post_KIND_MIDDLE_CADRE, "teacher": organizationv1.Post_KIND_TEACHER,
}

// EnterPeople enters everybody but the administrators, who are there already.
func (s *Setup) EnterPeople(ctx context.Context) error {
	return stage.Each(ctx, s.Stage, s.people(func(p cast.Person) bool { return true }), func(ctx context.Context, p cast.Person) error {
		post, ok := posts[p.ID()]
		if !ok {
			post = organizationv1.Post_KIND_STAFF
		}
		m := &organizationv1.Member{
			DisplayName: p.DisplayName, PartyMember: p.Party,
			Posts: []*organizationv1.Post{{Unit: cast.Name(p.Unit), Kind: post, Title: p.Post}},
		}
		path := stage.Query("/v1/"+cast.Name(p.Unit)+"/members", "memberId", p.ID())
		if err := s.As("system").Post(ctx, path, m, m); err != nil {
			return err
		}
		return stage.Same("name of the member", m.GetName(), p.Name())
	})
}

// people returns those who are no administrators and whom the choice takes.
func (s *Setup) people(choice func(cast.Person) bool) (list []cast.Person) {
	for _, p := range s.City.People {
		if !p.Has("system_admin") && !p.Has("security_admin") && !p.Has("auditor") && choice(p) {
			list = append(list, p)
		}
	}
	return list
}

// GrantRoles gives everybody their roles, but for the absent district: nobody
// there works in the suite.
func (s *Setup) GrantRoles(ctx context.Context) error {
	able := s.people(func(p cast.Person) bool { return len(p.Roles) > 0 && s.Works(p.Unit) })
	return stage.Each(ctx, s.Stage, able, func(ctx context.Context, p cast.Person) error {
		for _, role := range p.Roles {
			if err := s.grant(ctx, p.Name(), cast.Name(p.Unit), role); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *Setup) grant(ctx context.Context, principal, unit, role string) error {
	g := &organizationv1.RoleGrant{
		Principal: principal, Unit: unit,
		Role: accessv1.Role(accessv1.Role_value["ROLE_"+strings.ToUpper(role)]),
	}
	return s.As("security").Post(ctx, "/v1/roleGrants", g, g)
}

// IssueKeys gives a key to all who act: departments act through their bureau.
func (s *Setup) IssueKeys(ctx context.Context) error {
	acting := s.people(func(p cast.Person) bool { return len(p.Roles) > 0 && s.Works(p.Unit) && p.ID() != "chief" })
	return stage.Each(ctx, s.Stage, acting, func(ctx context.Context, p cast.Person) error { return s.issue(ctx, p.Name()) })
}

func (s *Setup) issue(ctx context.Context, principal string) error {
	answer := &organizationv1.IssuedApiKey{}
	k := &organizationv1.ApiKey{Principal: principal, DisplayName: "演示"}
	if err := s.As("security").Post(ctx, "/v1/apiKeys", k, answer); err != nil {
		return err
	}
	s.Keep(principal, answer.GetSecret())
	return nil
}

// Machine registers a machine of a unit and gives it a role and a key.
func (s *Setup) Machine(ctx context.Context, name, title, unit, role string) error {
	path := stage.Query("/v1/machines", "machineId", strings.TrimPrefix(name, "machines/"))
	m := &organizationv1.Machine{DisplayName: title, Unit: cast.Name(unit)}
	if err := s.As("system").Post(ctx, path, m, m); err != nil {
		return err
	}
	if err := s.grant(ctx, name, cast.Name(unit), role); err != nil {
		return err
	}
	return s.issue(ctx, name)
}
