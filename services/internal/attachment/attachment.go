// Package attachment gives the resources of any service attachments (附件): it
// answers the three methods of which the messages stand in duban.blob.v1. Whose
// an attachment is, who may see it and when one may be added, the parent's
// service says; the bytes lie in package blob.
//
// A service keeps one Attachments for each kind of parent, embeds nothing, and
// passes the calls on:
//
//	s.files = attachment.New(book, attachment.Parent{Reach: …, Accept: …})
//
//	func (s *Service) GetAttachment(ctx context.Context, req *blobv1.GetAttachmentRequest) (*blobv1.GetAttachmentResponse, error) {
//		return s.files.Get(ctx, req)
//	}
package attachment

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"strconv"
	"strings"

	blobv1 "github.com/duban-project/duban/proto/gen/go/duban/blob/v1"
	"github.com/duban-project/duban/services/internal/authz"
	"github.com/duban-project/duban/services/internal/blob"
	"github.com/duban-project/duban/services/internal/change"
	"github.com/duban-project/duban/services/internal/fault"
	"github.com/duban-project/duban/services/internal/store"
)

// Limit is how many bytes a file has at most: as base64 it fits in a request.
const Limit = 2 << 20

// What a parent may have at most.
const (
	Files = 50
	Bytes = 40 << 20 // in all
)

// ErrFull says that the parent has all the files it may have.
var ErrFull = fault.Of(blobv1.Reason_REASON_ATTACHMENT_TOO_MANY).
	With("files", strconv.Itoa(Files)).With("bytes", strconv.Itoa(Bytes))

// Parent is how the parent's service decides.
type Parent struct {
	// Reach says whether the caller may act on the parent of that name by the
	// method's rule, as change.Kind.Reach does. It MUST check a unit.
	Reach func(tx *change.Tx, name string) error
	// Accept says whether the parent takes another file. It is asked after Reach.
	Accept func(tx *change.Tx, name string) error
	// Note, if set, lets the parent keep in mind that the caller adds a file. It
	// is asked once, after Accept, and may write.
	Note func(tx *change.Tx, name string) error
}

// Attachments are the files of the parents of one kind.
type Attachments struct {
	kind   change.Kind[*blobv1.Attachment]
	parent Parent
}

// New returns the attachments kept in book. The parents' names MUST NOT be those
// of another kind's parents in the same book.
func New(book *change.Book, parent Parent) *Attachments {
	return &Attachments{parent: parent, kind: change.Kind[*blobv1.Attachment]{
		Book: book,
		May:  func(tx *change.Tx, a *blobv1.Attachment) error { return parent.Reach(tx, parentOf(a.GetName())) },
	}}
}

const segment = "/attachments/"

// parentOf returns the resource that an attachment belongs to.
func parentOf(name string) string {
	parent, _, _ := strings.Cut(name, segment)
	return parent
}

// Create answers CreateAttachment: the file is put, and then named in a record.
// Who may not act on the parent, and whom it takes nothing more from, puts
// nothing.
func (a *Attachments) Create(ctx context.Context, req *blobv1.CreateAttachmentRequest) (*blobv1.Attachment, error) {
	var info blob.Info
	return change.Do(ctx, a.kind.Book, req, func(tx *change.Tx) (*blobv1.Attachment, error) {
		if err := a.note(tx, req.GetParent()); err != nil {
			return nil, err
		}
		return a.kind.Put(tx, &blobv1.Attachment{
			Name: req.GetParent() + segment + tx.NewID(), FileName: req.GetAttachment().GetFileName(),
			MediaType: info.MediaType, Size: info.Size, Digest: info.Digest,
		})
	}, change.If(func(tx *change.Tx) error {
		return a.parent.Reach(tx, req.GetParent())
	}), change.While(func(tx *change.Tx) error {
		return a.takes(tx, req.GetParent(), int64(len(req.GetContent())))
	}), change.Before(func(ctx context.Context) (err error) {
		info, err = a.put(ctx, req)
		return err
	}))
}

// takes says whether the parent takes one more file, of so many bytes.
func (a *Attachments) takes(tx *change.Tx, parent string, size int64) error {
	if err := a.parent.Accept(tx, parent); err != nil {
		return err
	}
	files := 1
	for held, err := range a.kind.Scan(tx, "", parent+segment) {
		if err != nil {
			return err
		}
		files, size = files+1, size+held.GetSize()
	}
	if files > Files || size > Bytes {
		return ErrFull
	}
	return nil
}

// note tells the parent of the file, if it wants to know.
func (a *Attachments) note(tx *change.Tx, parent string) error {
	if a.parent.Note == nil {
		return nil
	}
	return a.parent.Note(tx, parent)
}

// put keeps the content, or only looks at it if nothing is to change.
func (a *Attachments) put(ctx context.Context, req *blobv1.CreateAttachmentRequest) (info blob.Info, err error) {
	name, content := req.GetAttachment().GetFileName(), bytes.NewReader(req.GetContent())
	if req.GetValidateOnly() {
		info, _, err = blob.Inspect(name, content, Limit)
		return info, err
	}
	info, err = a.kind.Book.Blobs.Put(ctx, name, content, Limit)
	if errors.Is(err, store.ErrFull) {
		return info, change.ErrDiskFull
	}
	return info, err
}

// List answers ListAttachments.
func (a *Attachments) List(ctx context.Context, req *blobv1.ListAttachmentsRequest) (*blobv1.ListAttachmentsResponse, error) {
	found, next, err := a.kind.List(ctx, req, func(tx *change.Tx, after string) (iter.Seq2[*blobv1.Attachment, error], error) {
		return a.kind.Scan(tx, after, req.GetParent()+segment), a.parent.Reach(tx, req.GetParent())
	})
	return &blobv1.ListAttachmentsResponse{Attachments: found, NextPageToken: next}, err
}

// Get answers GetAttachment. Of a file that is missing or was altered, the operator is
// told in the log.
func (a *Attachments) Get(ctx context.Context, req *blobv1.GetAttachmentRequest) (*blobv1.GetAttachmentResponse, error) {
	found, err := a.kind.Get(ctx, req.GetName())
	if err != nil {
		return nil, err
	}
	content, err := a.kind.Book.Blobs.Open(found.GetDigest())
	if errors.Is(err, blob.ErrNotFound) || errors.Is(err, blob.ErrCorrupt) {
		slog.Error("the file of an attachment is missing or altered", "attachment", found.GetName(), "digest", found.GetDigest(), "cause", err)
		return nil, blob.ErrDamaged
	}
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", found.GetName(), err)
	}
	return &blobv1.GetAttachmentResponse{Attachment: found, Content: content}, nil
}

// Find returns the attachment of that name, whoever asks, or authz.ErrNotFound if
// there is none or it is another parent's.
func (a *Attachments) Find(tx *change.Tx, parent, name string) (*blobv1.Attachment, error) {
	if parentOf(name) != parent {
		return nil, authz.ErrNotFound
	}
	return a.kind.Find(tx, name)
}
