package federation

import (
	"fmt"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	federationv1 "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	"github.com/duban-project/duban/services/internal/feed"
)

// Verdict is what evidence is worth; its number is the exit code of
// `duban verify`.
type Verdict int

// The verdicts.
const (
	// Valid: the entry stands in a log that another installation has cosigned.
	Valid Verdict = 0
	// Incomplete: nothing is wrong, but a key or a cosignature is missing.
	Incomplete Verdict = 10
	// Invalid: it does not show what it says.
	Invalid Verdict = 20
	// Forked: the log's holder has signed two histories, or gone back in one.
	Forked Verdict = 30
)

// Finding is a verdict and the sentence that explains it.
type Finding struct {
	Verdict Verdict
	What    string
}

func found(v Verdict, format string, args ...any) Finding {
	return Finding{v, fmt.Sprintf(format, args...)}
}

// Keys are whom the verifier trusts to sign: logs by their origin, and cosigners.
type Keys struct {
	Logs      map[string]string
	Cosigners []string
}

// ReadKeys reads one key in note format a line; empty lines and those that begin
// with # say nothing.
func ReadKeys(text string) (Keys, error) {
	keys := Keys{Logs: map[string]string{}}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if CheckCosigner(line) == nil {
			keys.Cosigners = append(keys.Cosigners, line)
			continue
		}
		v, err := note.NewVerifier(line)
		if err != nil {
			return keys, fmt.Errorf("%.80q is no key: %w", line, err)
		}
		keys.Logs[v.Name()] = line
	}
	return keys, nil
}

// Verify says what the evidence is worth to who trusts the keys. It needs nothing
// else.
func Verify(e *federationv1.Evidence, keys Keys) Finding {
	key := keys.Logs[e.GetOrigin()]
	if key == "" {
		return found(Incomplete, "no key of the log %q is at hand", e.GetOrigin())
	}
	switch of := e.GetOf().(type) {
	case *federationv1.Evidence_Receipt:
		return verifyReceipt(key, e.GetOrigin(), of.Receipt, keys)
	case *federationv1.Evidence_Fork:
		return verifyFork(key, of.Fork)
	case *federationv1.Evidence_Rollback:
		return verifyRollback(key, e.GetOrigin(), of.Rollback, keys)
	default:
		return found(Invalid, "it does not say what it shows")
	}
}

func verifyReceipt(key, origin string, r *federationv1.Receipt, keys Keys) Finding {
	h, err := OpenHead(key, r.GetNote())
	if err != nil {
		return found(Invalid, "the log has not signed the checkpoint: %v", err)
	}
	e, err := ReadEntry(r.GetRecord().GetEntry())
	if err != nil {
		return found(Invalid, "it holds no entry that a log may have: %v", err)
	}
	if says := r.GetRecord().GetSeq(); says != e.GetSeq() {
		return found(Invalid, "it says that its entry is %d, and the entry itself that it is %d", says, e.GetSeq())
	}
	proof, err := Hashes(r.GetInclusion())
	if err != nil || e.GetSeq() >= h.Size {
		return found(Invalid, "the proof is none")
	}
	leaf := tlog.RecordHash(r.GetRecord().GetEntry())
	if tlog.CheckRecord(proof, int64(h.Size), h.Root, int64(e.GetSeq()), leaf) != nil {
		return found(Invalid, "the entry does not stand in the checkpoint's tree")
	}
	if label, ok := opened(origin, e, r.GetOpenings()); !ok {
		return found(Invalid, "what should open the commitment %q does not", label)
	}
	for _, cosigner := range keys.Cosigners {
		if at, err := Cosigned(cosigner, r.GetNote()); err == nil {
			return found(Valid, "entry %d of %s (%s of %s) existed by %s", e.GetSeq(), origin, e.GetKind(), e.GetSubject(), at.Format("2006-01-02 15:04:05Z"))
		}
	}
	return found(Incomplete, "the log has signed the entry, and the receipt does not show that a cosigner who is trusted has seen it; if the log was restored, a receipt made after the next greeting above may")
}

// VerifyNote says what a cosigned checkpoint of a log is worth to who trusts the
// keys: by when all its entries existed.
func VerifyNote(origin, text string, keys Keys) Finding {
	key := keys.Logs[origin]
	if key == "" {
		return found(Incomplete, "no key of the log %q is at hand", origin)
	}
	h, err := OpenHead(key, text)
	if err != nil {
		return found(Invalid, "the log %s has not signed the checkpoint: %v", origin, err)
	}
	for _, cosigner := range keys.Cosigners {
		if at, err := Cosigned(cosigner, text); err == nil {
			return found(Valid, "%s: %d entries existed by %s", origin, h.Size, at.Format("2006-01-02 15:04:05Z"))
		}
	}
	return found(Incomplete, "%s has signed %d entries, and no cosigner who is trusted has seen them", origin, h.Size)
}

// opened says whether each opening opens its commitment, or the label of one that
// does not.
func opened(origin string, e *feedv1.Entry, openings []*feedv1.OpenedCommitment) (string, bool) {
	promised := map[string]string{}
	for _, c := range e.GetSealed() {
		promised[c.GetLabel()] = string(c.GetDigest())
	}
	for _, o := range openings {
		digest := feed.Digest(origin, e.GetId(), o.GetLabel(), o.GetOpening())
		if len(o.GetOpening().GetSalt()) != feed.SaltSize || promised[o.GetLabel()] != string(digest[:]) {
			return o.GetLabel(), false
		}
	}
	return "", true
}

func verifyFork(key string, f *federationv1.Fork) Finding {
	for _, b := range []*federationv1.Branch{f.GetFirst(), f.GetSecond()} {
		if err := CheckBranch(key, f.GetSize(), b); err != nil {
			return found(Invalid, "a history is not shown to be the log's: %v", err)
		}
	}
	if string(f.GetFirst().GetRoot()) == string(f.GetSecond().GetRoot()) {
		return found(Invalid, "the two histories are the same at size %d", f.GetSize())
	}
	return found(Forked, "the log's holder has signed two histories, which differ within the first %d entries", f.GetSize())
}

// CheckBranch says whether the holder of key has signed a head of which the
// branch's root, at that size, is the start.
func CheckBranch(key string, size uint64, b *federationv1.Branch) error {
	h, err := OpenHead(key, b.GetNote())
	if err != nil {
		return err
	}
	root, err := Hash(b.GetRoot())
	if err != nil {
		return err
	}
	proof, err := Hashes(b.GetConsistency())
	if err != nil {
		return err
	}
	if size == 0 {
		return ErrProof
	}
	return h.Starts(size, root, proof)
}

func verifyRollback(key, origin string, r *federationv1.Rollback, keys Keys) Finding {
	h, err := OpenHead(key, r.GetNote())
	if err != nil {
		return found(Invalid, "the log has not signed the checkpoint: %v", err)
	}
	s, ok := keys.statement(origin, r.GetStatement())
	if !ok {
		return found(Invalid, "the installation has not signed the statement, or its key is not at hand")
	}
	claim, ok := s.Claimed(origin)
	if !ok || claim.Size >= h.Size {
		return found(Invalid, "the statement does not say less than the checkpoint")
	}
	for _, cosigner := range keys.Cosigners {
		at, err := Cosigned(cosigner, r.GetNote())
		if err != nil {
			continue
		}
		if s.At.Before(at.Add(Skew)) {
			return found(Incomplete, "the statement came so soon after the checkpoint that its clock may explain it")
		}
		return found(Forked, "the log had %d entries, and was shown with %d later: it was rolled back", h.Size, claim.Size)
	}
	return found(Incomplete, "no cosigner who is trusted says when the checkpoint was shown")
}

// statement opens what the installation of a log has said, with any key of its
// log of the service federation.
func (k Keys) statement(origin, text string) (Statement, bool) {
	of, ok := ParseOrigin(origin)
	for name, key := range k.Logs {
		o, _ := ParseOrigin(name)
		if !ok || o.Place != of.Place || o.Installation != of.Installation || o.Service != Service {
			continue
		}
		if s, err := ReadStatement(key, text); err == nil {
			return s, true
		}
	}
	return Statement{}, false
}
