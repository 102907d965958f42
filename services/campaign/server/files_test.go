package server_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	blobv1 "github.com/duban-project/duban/proto/gen/go/duban/blob/v1"
	campaignv1 "github.com/duban-project/duban/proto/gen/go/duban/campaign/v1"
	"github.com/duban-project/duban/services/campaign"
	"github.com/duban-project/duban/services/internal/attachment"
	"github.com/duban-project/duban/services/internal/authz"
	"github.com/duban-project/duban/services/internal/blob"
	"github.com/duban-project/duban/services/internal/media"
)

func TestAFileIsReadAsItWasSent(t *testing.T) {
	w := newWorld(t)
	name := w.received("c")
	content := photo(t, 3)
	mine := w.Campaign(w.schoolClerk.Key)
	req := attaching(name, content)
	req.RequestId = "r"
	a, err := mine.CreateAttachment(t.Context(), req)
	w.must(err)
	if a.GetMediaType() != media.PNG || a.GetSize() != int64(len(content)) || a.GetFileName() != "现场照片.png" || !strings.HasPrefix(a.GetName(), name+"/attachments/") {
		t.Errorf("the attachment = %v", a)
	}
	again, err := mine.CreateAttachment(t.Context(), req)
	if err != nil || again.GetName() != a.GetName() {
		t.Errorf("the repeat = %v, %v", again, err)
	}
	second := w.attach(w.schoolClerk, name, photo(t, 4))
	for who, key := range map[string]string{"the school": w.schoolClerk.Key, "the district": w.Person(w.district, viewer).Key} {
		got, err := w.Campaign(key).GetAttachment(t.Context(), &blobv1.GetAttachmentRequest{Name: a.GetName()})
		if err != nil || !bytes.Equal(got.GetContent(), content) || !proto.Equal(got.GetAttachment(), a) {
			t.Errorf("%s reads %v, %v", who, got.GetAttachment(), err)
		}
		list, err := w.Campaign(key).ListAttachments(t.Context(), &blobv1.ListAttachmentsRequest{Parent: name})
		if err != nil || len(list.GetAttachments()) != 2 || list.GetAttachments()[1].GetName() != second {
			t.Errorf("%s lists %v, %v", who, list, err)
		}
	}
	page, err := mine.ListAttachments(t.Context(), &blobv1.ListAttachmentsRequest{Parent: name, PageSize: 1})
	if err != nil || len(page.GetAttachments()) != 1 || page.GetNextPageToken() == "" {
		t.Errorf("a page of one = %v, %v", page, err)
	}
}

func TestFilesOfAnotherUnitAreNotThere(t *testing.T) {
	w := newWorld(t)
	name := w.received("c")
	file := w.attach(w.schoolClerk, name, photo(t, 1))
	stranger := w.Campaign(w.secondClerk.Key)
	if _, err := stranger.GetAttachment(t.Context(), &blobv1.GetAttachmentRequest{Name: file}); !errors.Is(err, authz.ErrNotFound) {
		t.Errorf("GetAttachment = %v", err)
	}
	if _, err := stranger.ListAttachments(t.Context(), &blobv1.ListAttachmentsRequest{Parent: name}); !errors.Is(err, authz.ErrNotFound) {
		t.Errorf("ListAttachments = %v", err)
	}
	if _, err := w.Campaign(w.schoolClerk.Key).GetAttachment(t.Context(), &blobv1.GetAttachmentRequest{Name: name + "/attachments/none"}); !errors.Is(err, authz.ErrNotFound) {
		t.Errorf("a file that is not there = %v", err)
	}
}

func TestWhichFilesAreTaken(t *testing.T) {
	w := newWorld(t)
	name := w.received("c")
	issued, handedIn := w.publish("d")+"/assignments/t1-s1", w.submitted("e")
	large := append(photo(t, 1), make([]byte, attachment.Limit)...)
	fits := large[:attachment.Limit]
	for what, test := range map[string]struct {
		parent  string
		content []byte
		want    error
	}{
		"as large as can be": {name, fits, nil},
		"too large":          {name, large, blob.ErrTooLarge},
		"empty":              {name, nil, blob.ErrEmpty},
		"a program":          {name, []byte("\x7fELF"), blob.ErrTypeRefused},
		"text as a picture":  {name, []byte("no picture"), blob.ErrTypeDiffers},
		"before receiving":   {issued, fits, campaign.ErrTakesNoFiles},
		"after submitting":   {handedIn, fits, campaign.ErrTakesNoFiles},
		"to nothing":         {"campaigns/c/assignments/none", fits, authz.ErrNotFound},
		"to a campaign":      {"campaigns/c", fits, authz.ErrNotFound},
	} {
		if _, err := w.Campaign(w.schoolClerk.Key).CreateAttachment(t.Context(), attaching(test.parent, test.content)); !errors.Is(err, test.want) {
			t.Errorf("%s = %v, want %v", what, err, test.want)
		}
	}
}

func TestATrialKeepsNoFile(t *testing.T) {
	w := newWorld(t)
	name := w.received("c")
	req := attaching(name, photo(t, 9))
	req.ValidateOnly = true
	a, err := w.Campaign(w.schoolClerk.Key).CreateAttachment(t.Context(), req)
	if err != nil || a.GetMediaType() != media.PNG {
		t.Fatalf("the trial = %v, %v", a, err)
	}
	list, err := w.Campaign(w.schoolClerk.Key).ListAttachments(t.Context(), &blobv1.ListAttachmentsRequest{Parent: name})
	if err != nil || len(list.GetAttachments()) != 0 {
		t.Errorf("after a trial: %v, %v", list, err)
	}
}

func TestEvidenceIsOfThisAssignment(t *testing.T) {
	w := newWorld(t)
	first, second := w.received("c"), w.received("d")
	file, elsewhere := w.attach(w.schoolClerk, first, photo(t, 1)), w.attach(w.schoolClerk, second, photo(t, 1))
	mine := w.Campaign(w.schoolClerk.Key)
	note, err := mine.CreateAttachment(t.Context(), &blobv1.CreateAttachmentRequest{
		Parent: first, Attachment: &blobv1.Attachment{FileName: "说明.txt"}, Content: []byte("纯文本"),
	})
	w.must(err)
	for what, test := range map[string]struct {
		evidence []*campaignv1.Evidence
		want     error
	}{
		"none":                 {nil, campaign.ErrEvidenceMissing},
		"another assignment's": {[]*campaignv1.Evidence{{Kind: "photo", Attachment: elsewhere}}, campaign.ErrEvidenceUnknown},
		"nothing's":            {[]*campaignv1.Evidence{{Kind: "photo", Attachment: first + "/attachments/none"}}, campaign.ErrEvidenceUnknown},
		"another kind":         {[]*campaignv1.Evidence{{Kind: "minutes", Attachment: file}}, campaign.ErrEvidenceKindUnknown},
		"another form":         {[]*campaignv1.Evidence{{Kind: "photo", Attachment: note.GetName()}}, campaign.ErrEvidenceMedia},
		"right":                {[]*campaignv1.Evidence{{Kind: "photo", Attachment: file}}, nil},
	} {
		req := &campaignv1.SubmitAssignmentRequest{Name: first, Summary: "已完成", Evidence: test.evidence, ValidateOnly: true}
		if _, err := mine.SubmitAssignment(t.Context(), req); !errors.Is(err, test.want) {
			t.Errorf("%s = %v, want %v", what, err, test.want)
		}
	}
	done, err := mine.SubmitAssignment(t.Context(), submitting(first, file))
	if err != nil || !slices.ContainsFunc(done.GetEvidence(), func(e *campaignv1.Evidence) bool { return e.GetAttachment() == file }) {
		t.Errorf("submitted = %v, %v", done, err)
	}
}
