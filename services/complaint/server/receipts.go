package server

import (
	"context"
	"errors"

	complaintv1 "github.com/duban-project/duban/proto/gen/go/duban/complaint/v1"
	"github.com/duban-project/duban/services/complaint"
	"github.com/duban-project/duban/services/internal/authz"
	"github.com/duban-project/duban/services/internal/change"
	"github.com/duban-project/duban/services/internal/store"
)

// receiptsBucket keeps, under the keyed hash of each code, the complaint.
const receiptsBucket = "complaint.receipts"

// LookupReceipt implements the RPC. A code that no receipt can have costs the
// same work and gets the same answer as one that nobody holds.
func (s *Service) LookupReceipt(ctx context.Context, req *complaintv1.LookupReceiptRequest) (answer *complaintv1.LookupReceiptResponse, err error) {
	code, ok := complaint.ReadReceipt(req.GetReceipt())
	err = s.book.View(ctx, func(tx *change.Tx) error {
		key := s.Receipt(code)
		name, there, err := store.Seek(tx, receiptsBucket, key)
		switch {
		case err != nil:
			return err
		case !there || !ok:
			return authz.ErrNotFound
		}
		answer, err = s.followed(tx, complaint.Row{Bucket: receiptsBucket, Key: key, Value: name})
		return err
	})
	return answer, err
}

// led returns the case to which the row of a receipt leads, with its content.
func (s *Service) led(tx *change.Tx, row complaint.Row) (*complaintv1.Complaint, error) {
	c, err := s.cases.Seek(tx, string(row.Value))
	if err != nil {
		return nil, err
	}
	if c == nil || row.Held(c, c.GetDigests().GetReceipt()) != nil {
		return nil, lost(c, errors.New("a receipt leads to it that is not its own"))
	}
	return s.whole(tx, c)
}

// followed is what a complainant is told.
func (s *Service) followed(tx *change.Tx, row complaint.Row) (*complaintv1.LookupReceiptResponse, error) {
	c, err := s.led(tx, row)
	if err != nil {
		return nil, err
	}
	answer := &complaintv1.LookupReceiptResponse{State: c.GetState()}
	if c.GetRejection() != "" {
		answer.Answers = append(answer.Answers, &complaintv1.LookupReceiptResponse_Answer{Text: c.GetRejection()})
	}
	if c.GetReply() != "" {
		answer.Answers = append(answer.Answers, &complaintv1.LookupReceiptResponse_Answer{Text: c.GetReply(), Time: c.GetReplyTime()})
	}
	return answer, nil
}
