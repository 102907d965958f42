package fsck

import (
	"bytes"
	"strconv"
	"strings"

	formats "github.com/transparency-dev/formats/log"
	"golang.org/x/mod/sumdb/note"

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
	case c.expect.Earlier != nil:
		if what := c.ended(seq, to); what != "" {
			wrong("the last note of the era before %s", what)
		}
	}
	c.era = to.GetOrigin()
}

// ended says what is wrong with the last note of an era that ended at seq, where to begins.
func (c *check) ended(seq uint64, to *feedv1.Era) string {
	origin, text := to.GetPreviousOrigin(), to.GetPreviousNote()
	switch {
	case seq == 0 && text == "":
		return ""
	case seq == 0:
		return "is one of a log that had none"
	}
	verifier, err := c.expect.Earlier(origin)
	if key := to.GetPreviousVerifierKey(); key != "" { // who signs the log now says so
		verifier, err = note.NewVerifier(key)
	}
	if err != nil {
		return "has no key: " + err.Error()
	}
	cp, _, _, err := formats.ParseCheckpoint([]byte(text), origin, verifier)
	if err != nil {
		return "does not hold: " + err.Error()
	}
	if root := c.tree.root(); cp.Size != seq || !bytes.Equal(cp.Hash, root[:]) {
		return "does not cover what is before it"
	}
	return ""
}

// compareEra holds the origin under which the log is signed against its entries.
func (c *check) compareEra() error {
	if c.era != c.origin && c.expect.Mirror == nil {
		c.wrong(None, "", "it is signed as %s, and its entries say that it is %s", c.origin, c.era)
	}
	return nil
}
