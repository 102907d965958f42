package attachment_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	accessv1 "github.com/duban-project/duban/proto/gen/go/duban/access/v1"
	blobv1 "github.com/duban-project/duban/proto/gen/go/duban/blob/v1"
	organizationv1 "github.com/duban-project/duban/proto/gen/go/duban/organization/v1"
	rectificationv1 "github.com/duban-project/duban/proto/gen/go/duban/rectification/v1"
	"github.com/duban-project/duban/services/internal/attachment"
	"github.com/duban-project/duban/services/internal/blob"
	"github.com/duban-project/duban/services/internal/suite"
	"github.com/duban-project/duban/services/internal/suitetest"
)

// TestAParentHasSoManyFilesAndSoManyBytes fills two problems: one with small
// files, one with large ones.
func TestAParentHasSoManyFilesAndSoManyBytes(t *testing.T) {
	folder := t.TempDir()
	s := suitetest.RunIn(t, folder)
	s.Initialize()
	school := s.Unit("school", s.Root, organizationv1.Unit_KIND_SCHOOL)
	c := s.Rectification(s.Person(school, accessv1.Role_ROLE_CLERK).Key)
	l, err := c.CreateLedger(t.Context(), &rectificationv1.CreateLedgerRequest{Ledger: &rectificationv1.Ledger{Unit: school}})
	if err != nil {
		t.Fatal(err)
	}
	for size, most := range map[int]int{8: attachment.Files, attachment.Limit: attachment.Bytes / attachment.Limit} {
		p, err := c.CreateProblem(t.Context(), &rectificationv1.CreateProblemRequest{Parent: l.GetName(), Problem: &rectificationv1.Problem{
			Description: "问题", Level: rectificationv1.Problem_LEVEL_UNIT, Source: rectificationv1.Problem_SOURCE_SELF_CHECK,
		}})
		if err != nil {
			t.Fatal(err)
		}
		add := func(i int) error {
			text := fmt.Appendf(nil, "%03d %03d ", size%1000, i)
			_, err := c.CreateAttachment(t.Context(), &blobv1.CreateAttachmentRequest{
				Parent: p.GetName(), Attachment: &blobv1.Attachment{FileName: "f.txt"}, RequestId: fmt.Sprint(size, i),
				Content: append(text, bytes.Repeat([]byte("x"), size-len(text))...),
			})
			return err
		}
		for i := range most {
			if err := add(i); err != nil {
				t.Fatalf("file %d of %d bytes: %v", i, size, err)
			}
		}
		if err := add(most); !errors.Is(err, attachment.ErrFull) {
			t.Errorf("file %d of %d bytes: %v, want ErrFull", most, size, err)
		}
		if err := add(0); err != nil {
			t.Errorf("a repeat when it is full: %v", err)
		}
	}
	kept(t, folder+"/blobs", attachment.Files+attachment.Bytes/attachment.Limit)
}

// kept looks whether what was refused left a file.
func kept(t *testing.T, folder string, want int) {
	t.Helper()
	store, err := blob.Open(folder, 0)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, err := range store.All() {
		if n++; err != nil {
			t.Fatal(err)
		}
	}
	if n != want {
		t.Errorf("%d files are kept, want %d", n, want)
	}
}

// TestADamagedFileIsSaidToBe, whatever became of it; the same file sent again mends it.
func TestADamagedFileIsSaidToBe(t *testing.T) {
	folder := t.TempDir()
	s := suitetest.RunAs(t, folder, func(*suite.Config) {})
	s.Initialize()
	school := s.Unit("school", s.Root, organizationv1.Unit_KIND_SCHOOL)
	c := s.Rectification(s.Person(school, accessv1.Role_ROLE_CLERK).Key)
	l, err := c.CreateLedger(t.Context(), &rectificationv1.CreateLedgerRequest{Ledger: &rectificationv1.Ledger{Unit: school}})
	if err != nil {
		t.Fatal(err)
	}
	p, err := c.CreateProblem(t.Context(), &rectificationv1.CreateProblemRequest{Parent: l.GetName(), Problem: &rectificationv1.Problem{
		Description: "问题", Level: rectificationv1.Problem_LEVEL_UNIT, Source: rectificationv1.Problem_SOURCE_SELF_CHECK,
	}})
	if err != nil {
		t.Fatal(err)
	}
	add := func() *blobv1.Attachment {
		a, err := c.CreateAttachment(t.Context(), &blobv1.CreateAttachmentRequest{
			Parent: p.GetName(), Attachment: &blobv1.Attachment{FileName: "f.txt"}, Content: []byte("证据"),
		})
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	a := add()
	path := filepath.Join(folder, suite.BlobsFolder, a.GetDigest()[:2], a.GetDigest())
	for name, spoil := range map[string]func() error{
		"altered": func() error { return os.WriteFile(path, []byte("证明"), 0o600) },
		"missing": func() error { return os.Remove(path) },
		"a pipe":  func() error { return errors.Join(os.Remove(path), syscall.Mkfifo(path, 0o600)) },
	} {
		if err := spoil(); err != nil {
			t.Fatal(err)
		}
		if _, err := c.GetAttachment(t.Context(), &blobv1.GetAttachmentRequest{Name: a.GetName()}); !errors.Is(err, blob.ErrDamaged) {
			t.Errorf("%s: %v, want ErrDamaged", name, err)
		}
		add()
		if got, err := c.GetAttachment(t.Context(), &blobv1.GetAttachmentRequest{Name: a.GetName()}); err != nil || string(got.GetContent()) != "证据" {
			t.Errorf("%s, and sent again: %v, %v", name, got, err)
		}
	}
}
