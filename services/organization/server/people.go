package server

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"google.golang.org/protobuf/proto"

	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	"github.com/duban-project/duban/services/internal/authz"
	"github.com/duban-project/duban/services/internal/change"
	"github.com/duban-project/duban/services/organization"
)

// CreateMember implements the RPC.
func (s *Service) CreateMember(ctx context.Context, req *organizationv1.CreateMemberRequest) (*organizationv1.Member, error) {
	return s.members.Create(ctx, req, req.GetParent(), func(tx *change.Tx) (*organizationv1.Member, error) {
		if err := s.inUse(tx, req.GetParent()); err != nil {
			return nil, err
		}
		if err := s.posted(tx, nil, req.GetMember().GetPosts()); err != nil {
			return nil, err
		}
		return s.newMember(tx, req.GetParent(), req.GetMemberId(), req.GetMember())
	}, change.CatchUp())
}

// posted refuses posts that are not among those of before, and are not as organization.Posted
// wants them or may not be entered, and to change or strike out those of before at units beyond
// the caller's reach: else whoever enters somebody undoes what a superior says of them.
func (s *Service) posted(tx *change.Tx, before, now []*organizationv1.Post) error {
	for i, p := range now {
		if among(before, p) {
			continue
		}
		field := fmt.Sprintf("member.posts[%d]", i)
		if err := organization.Posted(p, s.book.Today(), field); err != nil {
			return err
		}
		if err := s.postable(tx, before, p); err != nil {
			return change.Unknown(err, organization.ErrPostInvalid.At(field+".unit", "没有这个单位，或已停用", "there is no such unit, or it is not in use"))
		}
	}
	for _, p := range before {
		if !among(now, p) && tx.Access.Check(p.GetUnit()) != nil {
			return organization.ErrPostInvalid.At("member.posts", "须原样保留在"+p.GetUnit()+"的任职", "must keep the post at "+p.GetUnit()+" as it is")
		}
	}
	return nil
}

// among says whether the post is one of them.
func among(posts []*organizationv1.Post, p *organizationv1.Post) bool {
	return slices.ContainsFunc(posts, func(q *organizationv1.Post) bool { return proto.Equal(q, p) })
}

// postable refuses, as not found, a post at a unit beyond the caller's reach, or at one that
// is not in use, unless the post is over or one of before stands there, which can be ended.
func (s *Service) postable(tx *change.Tx, before []*organizationv1.Post, p *organizationv1.Post) error {
	unit := p.GetUnit()
	if slices.ContainsFunc(before, func(b *organizationv1.Post) bool { return b.GetUnit() == unit }) {
		return tx.Access.Check(unit)
	}
	err := s.inUse(tx, unit)
	switch over := p.GetEndDate() != "" && p.GetEndDate() < s.book.Today(); {
	case !errors.Is(err, organization.ErrUnitArchived):
	case over:
		err = nil
	default:
		err = authz.ErrNotFound
	}
	return errors.Join(err, tx.Check(unit))
}

// newMember enters a person into a unit; an empty id gets a new one.
func (s *Service) newMember(tx *change.Tx, unit, id string, m *organizationv1.Member) (*organizationv1.Member, error) {
	name, err := s.members.NewName(tx, unit+"/members/", id, organization.ErrMemberExists.At("member_id", "已被使用", "is in use"))
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
	return s.members.ChangeAs(ctx, req, req.GetMember(), func(tx *change.Tx, m *organizationv1.Member) (*organizationv1.Member, error) {
		next, err := change.Masked(m, req.GetMember(), req.GetUpdateMask(), "display_name", "posts", "rank", "party_member")
		if err != nil {
			return nil, err
		}
		return next, s.posted(tx, m.GetPosts(), next.GetPosts())
	}, change.CatchUp())
}

// CreateMachine implements the RPC.
func (s *Service) CreateMachine(ctx context.Context, req *organizationv1.CreateMachineRequest) (*organizationv1.Machine, error) {
	m := req.GetMachine()
	return s.machines.Create(ctx, req, m.GetUnit(), func(tx *change.Tx) (*organizationv1.Machine, error) {
		if err := s.inUse(tx, m.GetUnit()); err != nil {
			return nil, err
		}
		name, err := s.machines.NewName(tx, "machines/", req.GetMachineId(), organization.ErrMachineExists.At("machine_id", "已被使用", "is in use"))
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
