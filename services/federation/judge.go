package federation

import (
	"fmt"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/tlog"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	federationv1 "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	"github.com/duban-project/duban/services/internal/feed"
)

// Grown says whether a head grew out of what is mirrored: root is the mirror's at
// size, at least 1; claimed is the root that the head's log says it had there,
// and proof shows that this is the start of the head's tree. If both hold and the
// roots differ, the log has two histories: fork is true. A proof that does not
// hold shows nothing: ErrProof.
func Grown(h Head, size uint64, root, claimed tlog.Hash, proof []tlog.Hash) (fork bool, err error) {
	if err := h.Starts(size, claimed, proof); err != nil {
		return false, err
	}
	return claimed != root, nil
}

// NewFork is the evidence that two trees of one size are each the start of what
// the log has signed.
func NewFork(origin string, size uint64, first, second *federationv1.Branch) *federationv1.Evidence {
	return &federationv1.Evidence{Origin: origin, Of: &federationv1.Evidence_Fork{
		Fork: &federationv1.Fork{Size: size, First: first, Second: second},
	}}
}

// NewBranch is one side of a fork.
func NewBranch(h Head, root tlog.Hash, proof []tlog.Hash) *federationv1.Branch {
	return &federationv1.Branch{Root: root[:], Consistency: Bytes(proof), Note: h.Note}
}

// NewRollback is the evidence that a log was shown shorter than it had been.
func NewRollback(origin, note, statement string) *federationv1.Evidence {
	return &federationv1.Evidence{Origin: origin, Of: &federationv1.Evidence_Rollback{
		Rollback: &federationv1.Rollback{Note: note, Statement: statement},
	}}
}

// Problem is why an entry, or a run of them, is not taken.
type Problem struct {
	Code federationv1.Code
	What string
}

// Error implements error.
func (p *Problem) Error() string { return p.What }

func problem(code federationv1.Code, format string, args ...any) *Problem {
	return &Problem{code, fmt.Sprintf(format, args...)}
}

// ReadRun decodes a run of entries of a log that came at now, and says what is wrong with
// each by itself and with their sizes. How they follow one another and what is
// stored is for the log to say.
func ReadRun(log Origin, records []*feedv1.Record, now time.Time) ([]*feedv1.Entry, error) {
	if len(records) > MaxRun {
		return nil, problem(federationv1.Code_CODE_TOO_LARGE, "%d entries in a run", len(records))
	}
	bytes, run := 0, make([]*feedv1.Entry, 0, len(records))
	for _, r := range records {
		if bytes += len(r.GetEntry()); bytes > MaxBytes {
			return nil, problem(federationv1.Code_CODE_TOO_LARGE, "a run of more than %d bytes", MaxBytes)
		}
		e, err := ReadEntry(r.GetEntry())
		if err != nil {
			return nil, err
		}
		switch {
		case e.GetSeq() != r.GetSeq():
			return nil, problem(federationv1.Code_CODE_BAD_ENTRY, "entry %d stands as %d", e.GetSeq(), r.GetSeq())
		case !log.keeps(e):
			return nil, problem(federationv1.Code_CODE_BAD_ENTRY, "entry %d is about what its service does not keep", e.GetSeq())
		case e.GetAt().AsTime().After(now.Add(Skew)):
			return nil, problem(federationv1.Code_CODE_CLOCK_SKEW, "entry %d is from %v", e.GetSeq(), e.GetAt().AsTime())
		}
		run = append(run, e)
	}
	return run, nil
}

// keeps says whether what an entry is about is kept by the log's service: its own records,
// attachments, and eras of the log. So a log tells of nothing that is another's to tell.
func (o Origin) keeps(e *feedv1.Entry) bool {
	for _, by := range []string{o.Service, "blob", "feed"} {
		if strings.HasPrefix(string(e.GetBody().MessageName()), "duban."+by+".") {
			return true
		}
	}
	return e.GetBody() == nil
}

// Limits of an entry's parts.
const (
	maxSubject = 1 << 10
	version    = 1
)

// ReadEntry decodes an entry strictly.
func ReadEntry(b []byte) (*feedv1.Entry, error) {
	e := &feedv1.Entry{}
	if len(b) > feed.MaxEntry || proto.Unmarshal(b, e) != nil {
		return nil, problem(federationv1.Code_CODE_BAD_ENTRY, "%d bytes that are no entry", len(b))
	}
	wrong := ""
	switch {
	case e.GetVersion() > version:
		return nil, problem(federationv1.Code_CODE_SCHEMA_TOO_NEW, "entry %d has version %d", e.GetSeq(), e.GetVersion())
	case e.GetVersion() != version:
		wrong = "has no version"
	case len(e.ProtoReflect().GetUnknown()) > 0:
		wrong = "has unknown fields"
	case len(e.GetId()) != feed.IDSize:
		wrong = "has no id"
	case !counted(e.GetAt()) || !counted(e.GetEffective()):
		wrong = "has a time that is none"
	case e.GetKind() == "" || e.GetSubject() == "" || len(e.GetSubject()) > maxSubject || len(e.GetKind()) > maxSubject:
		wrong = "has no kind or subject"
	case e.GetBody() == nil && len(e.GetSealed()) > 0:
		wrong = "has commitments without a body"
	case !ordered(e.GetSealed()):
		wrong = "has commitments out of order"
	default:
		return e, nil
	}
	return nil, problem(federationv1.Code_CODE_BAD_ENTRY, "entry %d %s", e.GetSeq(), wrong)
}

// counted says whether it is a time in which records are kept: years of four digits that
// figures can be of.
func counted(t *timestamppb.Timestamp) bool {
	year := t.AsTime().Year()
	return t.CheckValid() == nil && year >= 1970 && year < 2200
}

func ordered(sealed []*feedv1.Commitment) bool {
	last := ""
	for _, c := range sealed {
		if c.GetLabel() <= last || len(c.GetLabel()) > 32 || len(c.GetDigest()) != tlog.HashSize {
			return false
		}
		last = c.GetLabel()
	}
	return true
}
