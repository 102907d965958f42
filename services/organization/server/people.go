package server

import (
	"context"
	"iter"

	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/internal/change"
	"github.com/duban-project/duban/services/organization"
)

// CreateMember implements the RPC.
func (s *Service) CreateMember(ctx context.Context, req *organizationv1.CreateMemberRequest) (*organizationv1.Member, error) {
	return s.members.Create(ctx, req, req.GetParent(), func(tx *change.Tx) (*organizationv1.Member, error) {
		u, err := s.units.Find(tx, req.GetParent())
		if err != nil {
			return nil, err
		}
		if err := organization.Editable(u); err != nil {
			return nil, err
		}
		return s.newMember(tx, u.GetName(), req.GetMemberId(), req.GetMember())
	})
}

// newMember enters a person into a unit; an empty id gets a new one.
func (s *Service) newMember(tx *change.Tx, unit, id string, m *organizationv1.Member) (*organizationv1.Member, error) {
	name, err := s.members.NewName(tx, unit+"/members/", id, organization.ErrMemberExists)
	return &organizationv1.Member{
		Name: name, DisplayName: m.GetDisplayName(), Posts: m.GetPosts(), Rank: m.GetRank(), PartyMember: m.GetPartyMember(),
	}, err
}

// GetMember implements the RPC.
func (s *Service) GetMember(ctx context.Context, req *organizationv1.GetMemberRequest) (*organizationv1.Member, error) {
	return s.members.Get(ctx, req.GetName())
}

// ListMembers implements the RPC.
func (s *Service) ListMembers(ctx context.Context, req *organizationv1.ListMembersRequest) (*organizationv1.ListMembersResponse, error) {
	members, next, err := s.members.List(ctx, req, func(tx *change.Tx, after string) (iter.Seq2[*organizationv1.Member, error], error) {
		return s.members.Scan(tx, after, req.GetParent()+"/members/"), tx.Check(req.GetParent())
	})
	return &organizationv1.ListMembersResponse{Members: members, NextPageToken: next}, err
}

// UpdateMember implements the RPC.
func (s *Service) UpdateMember(ctx context.Context, req *organizationv1.UpdateMemberRequest) (*organizationv1.Member, error) {
	return s.members.ChangeAs(ctx, req, req.GetMember(), func(_ *change.Tx, m *organizationv1.Member) (*organizationv1.Member, error) {
		return change.Masked(m, req.GetMember(), req.GetUpdateMask(), "display_name", "posts", "rank", "party_member")
	})
}

// CreateMachine implements the RPC.
func (s *Service) CreateMachine(ctx context.Context, req *organizationv1.CreateMachineRequest) (*organizationv1.Machine, error) {
	m := req.GetMachine()
	return s.machines.Create(ctx, req, m.GetUnit(), func(tx *change.Tx) (*organizationv1.Machine, error) {
		name, err := s.machines.NewName(tx, "machines/", req.GetMachineId(), organization.ErrMachineExists)
		return &organizationv1.Machine{Name: name, DisplayName: m.GetDisplayName(), Unit: m.GetUnit()}, err
	})
}

// GetMachine implements the RPC.
func (s *Service) GetMachine(ctx context.Context, req *organizationv1.GetMachineRequest) (*organizationv1.Machine, error) {
	return s.machines.Get(ctx, req.GetName())
}

// ListMachines implements the RPC.
func (s *Service) ListMachines(ctx context.Context, req *organizationv1.ListMachinesRequest) (*organizationv1.ListMachinesResponse, error) {
	machines, next, err := s.machines.List(ctx, req, func(tx *change.Tx, after string) (iter.Seq2[*organizationv1.Machine, error], error) {
		return s.machines.Scan(tx, after, ""), nil
	})
	return &organizationv1.ListMachinesResponse{Machines: machines, NextPageToken: next}, err
}
