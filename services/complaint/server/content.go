package server

import (
	"context"
	"errors"
	"fmt"

	"google.golang.org/protobuf/proto"

	complaintv1 "github.com/duban-project/duban/proto/gen/go/duban/complaint/v1"
	"github.com/duban-project/duban/services/complaint"
	"github.com/duban-project/duban/services/internal/change"
	"github.com/duban-project/duban/services/internal/portal"
	"github.com/duban-project/duban/services/internal/store"
)

// Encrypted rows lie outside the feed, which commits to them by their digests:
// dropping one and its digest shreds it without breaking a proof.
const (
	contentsBucket   = "complaint.contents"   // complaint → what Part keeps out of the open
	identitiesBucket = "complaint.identities" // complaint → Complainant, for custody
)

var deterministic = proto.MarshalOptions{Deterministic: true}

// keep stores a row outside of the feed and returns the digest to commit to.
func keep(tx store.Tx, row complaint.Row) ([]byte, error) {
	return row.Digest(), tx.Put(row.Bucket, row.Key, row.Value)
}

// whole returns the complaint with its content, or complaint.ErrContentMissing.
func (s *Service) whole(tx *change.Tx, c *complaintv1.Complaint) (*complaintv1.Complaint, error) {
	if !c.GetSealed() {
		return c, nil
	}
	sealed, err := sealed(tx, c)
	switch {
	case errors.Is(err, complaint.ErrContentMissing):
		return nil, lost(c, err)
	case err != nil:
		return nil, err
	}
	content, err := s.content(c, sealed)
	if err != nil {
		return nil, lost(c, err)
	}
	return complaint.Join(c, content), nil
}

// sealed returns the encrypted content of a sealed case, or complaint.ErrContentMissing
// if it is not what the case commits to.
func sealed(tx *change.Tx, c *complaintv1.Complaint) ([]byte, error) {
	sealed, err := tx.Get(contentsBucket, []byte(c.GetName()))
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil, complaint.ErrContentMissing
	case err != nil:
		return nil, fmt.Errorf("reading the content of %s: %w", c.GetName(), err)
	}
	row := complaint.Row{Bucket: contentsBucket, Key: []byte(c.GetName()), Value: sealed}
	return sealed, row.Held(c, c.GetDigests().GetContent())
}

// content decrypts what is sealed.
func (s *Service) content(c *complaintv1.Complaint, sealed []byte) (*complaintv1.Complaint, error) {
	plain, err := s.Desks.Open(c.GetDesk(), "content of "+c.GetName(), sealed)
	if err != nil {
		return nil, fmt.Errorf("opening the content: %w", err)
	}
	content := &complaintv1.Complaint{}
	if err := proto.Unmarshal(plain, content); err != nil {
		return nil, fmt.Errorf("decoding the content: %w", err)
	}
	return content, nil
}

// part stores what of the complaint must not lie in the open, encrypted, and
// returns the rest, which commits to it.
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
	digest, err := keep(tx, complaint.Row{Bucket: contentsBucket, Key: []byte(whole.GetName()), Value: sealed})
	if open.Digests != nil {
		open.Digests.Content, open.Digests.Concerned = digest, s.mark(whole.GetName(), whole.GetUnit())
	}
	return open, err
}

// shown is the complaint as answers have it, which say whether its content is lost.
// Who has no say at the desk of an open one, or belongs to the unit that it is about, is
// shown what the unit that it is assigned to may know.
func (s *Service) shown(tx *change.Tx, c *complaintv1.Complaint) (*complaintv1.Complaint, error) {
	answer := complaint.Shown(c)
	answer.Unreadable = !c.GetSealed() && c.GetText() == "" // nobody complains without a word
	switch {
	case c.GetSealed():
	case s.mayHeed(tx, c) == nil:
		return answer, nil
	default:
		return portal.Assigned(answer), nil
	}
	_, err := sealed(tx, c)
	if errors.Is(err, complaint.ErrContentMissing) {
		answer.Unreadable = true
		return answer, nil
	}
	return answer, err
}

// rule turns a complaint, with its content, into what it should be.
type rule func(tx *change.Tx, whole *complaintv1.Complaint) (*complaintv1.Complaint, error)

// act changes the complaint that req names, which kind lets the caller reach,
// by rule. The answer is what the caller may know of what lies in the open.
func (s *Service) act(ctx context.Context, kind *change.Kind[*complaintv1.Complaint], req change.Named, rule rule, options ...change.Option) (*complaintv1.Complaint, error) {
	return change.On(ctx, kind, req, func(tx *change.Tx, c *complaintv1.Complaint) (*complaintv1.Complaint, error) {
		return s.ruled(tx, kind, c, rule)
	}, options...)
}

// ruled stores what rule makes of a case.
func (s *Service) ruled(tx *change.Tx, kind *change.Kind[*complaintv1.Complaint], c *complaintv1.Complaint, rule rule) (*complaintv1.Complaint, error) {
	whole, err := s.whole(tx, c)
	if err != nil {
		return nil, err
	}
	if whole, err = rule(tx, whole); err != nil {
		return nil, err
	}
	if c, err = s.part(tx, whole); err != nil {
		return nil, err
	}
	if c, err = kind.Put(tx, c); err != nil {
		return nil, err
	}
	return s.shown(tx, c)
}

// OpenComplaint implements the RPC.
func (s *Service) OpenComplaint(ctx context.Context, req *complaintv1.OpenComplaintRequest) (*complaintv1.OpenComplaintResponse, error) {
	return change.On(ctx, &s.cases, req, func(tx *change.Tx, c *complaintv1.Complaint) (*complaintv1.OpenComplaintResponse, error) {
		if err := complaint.Openable(c); err != nil {
			return nil, err
		}
		whole, err := s.whole(tx, c)
		if err != nil {
			return nil, err
		}
		who := tx.Access.Principal
		opening := complaint.NewOpening(c, tx.NewID(), who.Name, req.GetPurpose())
		opening.ApiKey = who.Key
		opening, err = s.openings.PutAs(tx, "case.opened", opening)
		if err != nil || req.GetValidateOnly() {
			return &complaintv1.OpenComplaintResponse{}, err
		}
		return &complaintv1.OpenComplaintResponse{Complaint: complaint.Shown(whole), Opening: opening}, nil
	})
}
