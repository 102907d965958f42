package fsck

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"

	formats "github.com/transparency-dev/formats/log"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
)

// parted is the log and the era of an origin.
func parted(origin string) (log string, era uint64, ok bool) {
	i := strings.LastIndexByte(origin, '/')
	if i < 0 {
		return "", 0, false
	}
	era, err := strconv.ParseUint(origin[i+1:], 10, 32)
	return origin[:i], era, err == nil
}

// turned checks an entry that begins an era, which MUST be asked before the tree has it:
// that it follows the era that the log was in, and that all before it is what that era
// has signed last.
func (c *check) turned(seq uint64, e *feedv1.Entry) {
	to := &feedv1.Era{}
	if !e.GetBody().MessageIs(to) || e.GetBody().UnmarshalTo(to) != nil { // what cannot be read is found with its record
		return
	}
	wrong := func(format string, args ...any) { c.wrong(int64(seq), e.GetSubject(), format, args...) }
	from := c.era
	log, before, _ := parted(from)
	of, era, ok := parted(to.GetOrigin())
	switch {
	case to.GetPreviousOrigin() != from:
		wrong("it ends %s, and the log was %s", to.GetPreviousOrigin(), from)
	case !ok || of != log || era <= before:
		wrong("%s is no later era of %s", to.GetOrigin(), from)
	case c.expect.Earlier != nil && seq == 0 && to.GetPreviousNote() != "":
		wrong("the last note of the era before is one of a log that had none")
	case c.expect.Earlier != nil && seq > 0:
		last := ending{seq, from, to.GetPreviousNote(), c.tree.root()}
		c.said = append(c.said, saying{seq, e.GetSubject(), from, "the last note of the era before", last.wrong})
	}
	if key := to.GetPreviousVerifierKey(); key != "" {
		c.settle(func(origin string) (note.Verifier, error) { return named(key, origin) })
	}
	c.era = to.GetOrigin()
}

// saying is what an entry's row has that was signed in the era of that origin. By which key is
// known once an entry says that it is another since, or the log ends.
type saying struct {
	seq             uint64
	subject, origin string
	what            string
	wrong           func(v note.Verifier) string // how the sentence ends, or ""
}

// settle says what is wrong with what was said in the eras so far, which one key has signed.
func (c *check) settle(verifier func(origin string) (note.Verifier, error)) {
	for _, s := range c.said {
		v, err := verifier(s.origin)
		if err != nil {
			c.wrong(int64(s.seq), s.subject, "%s has no key: %v", s.what, err)
		} else if wrong := s.wrong(v); wrong != "" {
			c.wrong(int64(s.seq), s.subject, "%s %s", s.what, wrong)
		}
	}
	c.said = nil
}

// signer is what verifies the log as that origin, by the key that it has now.
func (c *check) signer(origin string) (note.Verifier, error) {
	switch {
	case origin == c.origin:
		return c.expect.Verifier, nil
	case c.expect.Earlier == nil:
		return nil, fmt.Errorf("nobody says who signed %s", origin)
	}
	return c.expect.Earlier(origin)
}

// ending is the last note of an era that ended at seq, where the tree had that root.
type ending struct {
	seq          uint64
	origin, note string
	root         tlog.Hash
}

func (e ending) wrong(v note.Verifier) string {
	cp, _, _, err := formats.ParseCheckpoint([]byte(e.note), e.origin, v)
	if err != nil {
		return "does not hold: " + err.Error()
	}
	if cp.Size != e.seq || !bytes.Equal(cp.Hash, e.root[:]) {
		return "does not cover what is before it"
	}
	return ""
}

// named is what verifies a log of that origin by the key of another, in note format.
func named(key, origin string) (note.Verifier, error) {
	parts := strings.SplitN(key, "+", 3)
	raw, err := base64.StdEncoding.DecodeString(parts[len(parts)-1])
	if err != nil || len(raw) != 1+ed25519.PublicKeySize {
		return nil, fmt.Errorf("%.80q is no key", key)
	}
	text, err := note.NewEd25519VerifierKey(origin, raw[1:])
	if err != nil {
		return nil, err
	}
	return note.NewVerifier(text)
}

// compareEra holds the origin under which the log is signed against its entries.
func (c *check) compareEra() error {
	c.rank = inEntry
	c.settle(c.signer)
	c.rank = inLog
	if c.era != c.origin && c.expect.Mirror == nil {
		c.wrong(None, "", "it is signed as %s, and its entries say that it is %s", c.origin, c.era)
	}
	return nil
}
