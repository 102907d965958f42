package server

import (
	"context"
	"errors"
	"fmt"

	"google.golang.org/protobuf/proto"

	complaintv1 "github.com/duban-project/duban/proto/gen/go/duban/complaint/v1"
	"github.com/duban-project/duban/services/complaint"
	"github.com/duban-project/duban/services/internal/change"
	"github.com/duban-project/duban/services/internal/store"
)

// Encrypted rows lie outside the feed and outside of what fsck folds: dropping
// one shreds it without breaking a proof.
const (
	contentsBucket   = "complaint.contents"   // complaint → what Part keeps out of the open
	identitiesBucket = "complaint.identities" // complaint → Complainant, for custody
)

var deterministic = proto.MarshalOptions{Deterministic: true}

// errShut says that the content of a sealed case is lost or cannot be decrypted.
var errShut = errors.New("the case cannot be opened")

// whole returns the complaint with its content, or an errShut.
func (s *Service) whole(tx *change.Tx, c *complaintv1.Complaint) (*complaintv1.Complaint, error) {
	if !c.GetSealed() {
		return c, nil
	}
	sealed, err := tx.Get(contentsBucket, []byte(c.GetName()))
	if errors.Is(err, store.ErrNotFound) {
		return nil, fmt.Errorf("%w: %s has no content", errShut, c.GetName())
	}
	if err != nil {
		return nil, fmt.Errorf("reading the content of %s: %w", c.GetName(), err)
	}
	plain, err := s.Desks.Open(c.GetDesk(), "content of "+c.GetName(), sealed)
	if err != nil {
		return nil, fmt.Errorf("%w: opening the content of %s: %w", errShut, c.GetName(), err)
	}
	content := &complaintv1.Complaint{}
	if err := proto.Unmarshal(plain, content); err != nil {
		return nil, fmt.Errorf("%w: decoding the content of %s: %w", errShut, c.GetName(), err)
	}
	return complaint.Join(c, content), nil
}

// part stores what of the complaint must not lie in the open, encrypted, and
// returns the rest.
func (s *Service) part(tx *change.Tx, whole *complaintv1.Complaint) (*complaintv1.Complaint, error) {
	open, content := complaint.Part(whole)
	if content == nil {
		return open, nil
	}
	plain, err := deterministic.Marshal(content)
	if err != nil {
		return nil, fmt.Errorf("encoding the content of %s: %w", whole.GetName(), err)
	}
	sealed, err := s.Desks.Seal(whole.GetDesk(), "content of "+whole.GetName(), plain)
	if err != nil {
		return nil, err
	}
	return open, tx.Put(contentsBucket, []byte(whole.GetName()), sealed)
}

// rule turns a complaint, with its content, into what it should be.
type rule func(tx *change.Tx, whole *complaintv1.Complaint) (*complaintv1.Complaint, error)

// act changes the complaint that req names, which kind lets the caller reach,
// by rule. The answer is what lies in the open.
func (s *Service) act(ctx context.Context, kind *change.Kind[*complaintv1.Complaint], req change.Named, rule rule, options ...change.Option) (*complaintv1.Complaint, error) {
	return kind.Change(ctx, req, func(tx *change.Tx, c *complaintv1.Complaint) (*complaintv1.Complaint, error) {
		whole, err := s.whole(tx, c)
		if err != nil {
			return nil, err
		}
		if whole, err = rule(tx, whole); err != nil {
			return nil, err
		}
		return s.part(tx, whole)
	}, options...)
}

// OpenComplaint implements the RPC.
func (s *Service) OpenComplaint(ctx context.Context, req *complaintv1.OpenComplaintRequest) (*complaintv1.OpenComplaintResponse, error) {
	return change.On(ctx, &s.cases, req, func(tx *change.Tx, c *complaintv1.Complaint) (*complaintv1.OpenComplaintResponse, error) {
		if err := complaint.Openable(c); err != nil {
			return nil, err
		}
		who := tx.Access.Principal
		opening := complaint.NewOpening(c, tx.NewID(), who.Name, req.GetPurpose())
		opening.ApiKey = who.Key
		opening, err := s.openings.PutAs(tx, "case.opened", opening)
		if err != nil || req.GetValidateOnly() {
			return &complaintv1.OpenComplaintResponse{}, err
		}
		whole, err := s.whole(tx, c)
		return &complaintv1.OpenComplaintResponse{Complaint: whole, Opening: opening}, err
	})
}
