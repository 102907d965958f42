package server

import (
	"context"
	"errors"
	"iter"

	"google.golang.org/protobuf/types/known/timestamppb"

	campaignv1 "github.com/duban-project/duban/proto/gen/go/duban/campaign/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
	"github.com/duban-project/duban/services/internal/authz"
	"github.com/duban-project/duban/services/internal/change"
	"github.com/duban-project/duban/services/rectification"
)

// CreateLedger implements the RPC.
func (s *Service) CreateLedger(ctx context.Context, req *rectificationv1.CreateLedgerRequest) (*rectificationv1.Ledger, error) {
	unit := req.GetLedger().GetUnit()
	var c *campaignv1.Campaign
	return s.ledgers.Create(ctx, req, unit, func(tx *change.Tx) (*rectificationv1.Ledger, error) {
		return s.open(tx, c, unit)
	}, s.asking(req.GetLedger().GetCampaign(), "ledger.campaign", &c))
}

// open returns the ledger that a unit opens: the one that was issued to it, or a new
// one.
func (s *Service) open(tx *change.Tx, c *campaignv1.Campaign, unit string) (*rectificationv1.Ledger, error) {
	l, err := s.ledgers.Seek(tx, rectification.LedgerName(c.GetName(), unit))
	switch {
	case err != nil:
		return nil, err
	case l == nil:
		return s.newLedger(tx, c, unit)
	default:
		return rectification.Open(l, c)
	}
}

// asking puts the campaign of that name, which the request has at field, into c
// before the change.
func (s *Service) asking(name, field string, c **campaignv1.Campaign) change.Option {
	return change.Before(func(ctx context.Context) (err error) {
		*c, err = s.campaign(ctx, name, field)
		return err
	})
}

// campaign asks for a campaign, which is asked for at field, or none for an empty
// name.
func (s *Service) campaign(ctx context.Context, name, field string) (*campaignv1.Campaign, error) {
	if name == "" {
		return nil, nil
	}
	c, err := s.campaigns.Campaign(ctx, name)
	return c, change.Unknown(err, rectification.ErrLedgerCampaignUnknown.At(field, "没有此活动", "is no campaign"))
}

// newLedger makes the ledger of a unit that gets new work.
func (s *Service) newLedger(tx *change.Tx, c *campaignv1.Campaign, unit string) (*rectificationv1.Ledger, error) {
	if err := s.active(unit); err != nil {
		return nil, placed(err, "ledger.unit", "不是在用单位", "is not an active unit")
	}
	switch day, err := closedOn(tx, c.GetName()); {
	case err != nil:
		return nil, err
	case day != "":
		return nil, rectification.ErrLedgerCampaignNotPublished.At("ledger.campaign", "已结束", "was closed")
	}
	l, err := rectification.NewLedger(tx.Access.Tree().Path(unit), c, s.days)
	if err != nil {
		return nil, err
	}
	return s.dated(tx, l)
}

// dated is a new ledger with the day on which its unit was archived, if that was heard
// of: the tree may lag behind.
func (s *Service) dated(tx *change.Tx, l *rectificationv1.Ledger) (*rectificationv1.Ledger, error) {
	day, err := s.archived.Day(tx, l.GetUnit())
	if err != nil || day == "" {
		return l, err
	}
	return rectification.Abandon(l, day), nil
}

// active says whether the unit gets new work.
func (s *Service) active(unit string) error {
	switch u := s.units.Unit(unit); {
	case u == nil:
		return authz.ErrNotFound
	case u.GetState() != organizationv1.Unit_STATE_ACTIVE:
		return rectification.ErrLedgerUnitArchived
	default:
		return nil
	}
}

// EnsureLedger implements the RPC. What a merged unit has to put right is its heir's.
func (s *Service) EnsureLedger(ctx context.Context, req *rectificationv1.EnsureLedgerRequest) (*rectificationv1.Ledger, error) {
	var c *campaignv1.Campaign
	return change.Do(ctx, s.book, req, func(tx *change.Tx) (*rectificationv1.Ledger, error) {
		l, err := s.ensure(tx, c, s.units.Heir(req.GetUnit()))
		if err == nil && req.GetProblem() != nil {
			_, _, err = s.taken(tx, l, req.GetProblem(), rectification.Finder{Others: true})
		}
		return l, plain(err, "ledger")
	}, change.In(req.GetUnit()), s.asking(req.GetCampaign(), "campaign", &c))
}

// ensure returns the ledger of the unit and campaign, and opens it if there is
// none.
func (s *Service) ensure(tx *change.Tx, c *campaignv1.Campaign, unit string) (*rectificationv1.Ledger, error) {
	l, err := s.ledgers.Find(tx, rectification.LedgerName(c.GetName(), unit))
	if !errors.Is(err, authz.ErrNotFound) {
		return l, err
	}
	if l, err = s.newLedger(tx, c, unit); err != nil {
		return nil, err
	}
	return s.ledgers.PutAs(tx, "ledger.created", l)
}

// GetLedger implements the RPC.
func (s *Service) GetLedger(ctx context.Context, req *rectificationv1.GetLedgerRequest) (l *rectificationv1.Ledger, err error) {
	err = s.book.View(ctx, func(tx *change.Tx) error {
		if l, err = s.ledgers.Reach(tx, req.GetName()); err != nil {
			return err
		}
		if l.ContentDigest, err = s.digest(tx, l); err == nil {
			l, err = s.ledgers.Shown(tx, l)
		}
		return err
	})
	return l, err
}

// digest is that of a ledger's content as it stands.
func (s *Service) digest(tx *change.Tx, l *rectificationv1.Ledger) (string, error) {
	problems, err := s.problemsOf(tx, l)
	return rectification.Digest(l.GetName(), problems), err
}

// problemsOf returns the problems of a ledger in the order of their numbers.
func (s *Service) problemsOf(tx *change.Tx, l *rectificationv1.Ledger) ([]*rectificationv1.Problem, error) {
	problems := make([]*rectificationv1.Problem, 0, l.GetProblemCount())
	for p, err := range s.problems.Scan(tx, "", l.GetName()+"/problems/") {
		if err != nil {
			return nil, err
		}
		problems = append(problems, p)
	}
	return problems, nil
}

// ListLedgers implements the RPC.
func (s *Service) ListLedgers(ctx context.Context, req *rectificationv1.ListLedgersRequest) (*rectificationv1.ListLedgersResponse, error) {
	ledgers, next, err := s.ledgers.List(ctx, req, func(tx *change.Tx, after string) (iter.Seq2[*rectificationv1.Ledger, error], error) {
		return found(&s.ledgers, tx, req, after)
	}, in[*rectificationv1.Ledger](req.GetCampaign()))
	return &rectificationv1.ListLedgersResponse{Ledgers: ledgers, NextPageToken: next}, err
}

// search is a request for the records of a unit or campaign.
type search interface {
	GetUnit() string
	GetCampaign() string
}

// found yields the records among which those are that a request asks for, behind
// the one of the name after.
func found[T owned](k *change.Kind[T], tx *change.Tx, req search, after string) (iter.Seq2[T, error], error) {
	switch unit, campaign := req.GetUnit(), req.GetCampaign(); {
	case unit != "":
		return k.Lookup(tx, "unit", unit, after), tx.CheckAt(unit, "unit")
	case campaign != "":
		return k.Lookup(tx, "campaign", campaign, after), nil
	default:
		return k.Scan(tx, after, ""), nil
	}
}

// in keeps the records of the campaign, or all if it is empty.
func in[T owned](campaign string) change.Keep[T] {
	return func(_ *change.Tx, r T) (bool, error) { return campaign == "" || r.GetCampaign() == campaign, nil }
}

// SignLedger implements the RPC.
func (s *Service) SignLedger(ctx context.Context, req *rectificationv1.SignLedgerRequest) (*rectificationv1.Ledger, error) {
	return s.ledgers.Change(ctx, req, func(tx *change.Tx, l *rectificationv1.Ledger) (*rectificationv1.Ledger, error) {
		problems, err := s.problemsOf(tx, l)
		if err != nil {
			return nil, err
		}
		return rectification.Sign(l, signature(tx, req), s.office(l.GetUnit(), tx.Access.Principal.Name, tx.Now), problems)
	}, change.CatchUp())
}

// signature is what is recorded of a signing beside the post: who, by which role, how known, when.
func signature(tx *change.Tx, req *rectificationv1.SignLedgerRequest) *rectificationv1.Signature {
	acting := tx.Access.Acting()
	return &rectificationv1.Signature{
		Signer: tx.Access.Principal.Name, Role: acting.Role, Unit: acting.Unit, ApiKey: tx.Access.Principal.Key,
		Time: timestamppb.New(tx.Now), Digest: req.GetContentDigest(), Seal: req.GetSeal(),
	}
}
