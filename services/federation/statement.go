package federation

import (
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	federationv1 "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
)

// What begins a greeting: on a stream, and in a file, which is answered in another.
const (
	onStream = "duban/hello/v1"
	inFile   = "duban/hello/v2"
	// simulation ends the first line of a greeting by a simulation.
	simulation = " simulated"
)

var bootShape = regexp.MustCompile(`^[0-9a-z]{8,64}$`)

// Statement is what an installation says of itself when it dials, signed by the
// key of its log of the service federation.
type Statement struct {
	// To is the name by which the installation above cosigns: nobody else may
	// take the statement for one to himself.
	To string
	// At is when it was said.
	At time.Time
	// Boot is random and stays the same while a process runs: two at once are a
	// clone.
	Boot string
	// Recipient is for whom the answer is sealed, if that is a file; "" on a stream.
	Recipient string
	// Simulated says that the installation's time is made up.
	Simulated bool
	// Heads are the sizes and roots of its own logs, by origin, in order.
	Heads []Claim
}

// Claim is how large a log was said to be.
type Claim struct {
	Origin string
	Size   uint64
	Root   tlog.Hash
}

// Text is what is to be signed.
func (s Statement) Text() string {
	var b strings.Builder
	begins, boot := onStream, s.Boot
	if s.Recipient != "" {
		begins, boot = inFile, s.Boot+"\n"+s.Recipient
	}
	if s.Simulated {
		begins += simulation
	}
	fmt.Fprintf(&b, "%s\n%s\n%d\n%s\n", begins, s.To, s.At.UnixMilli(), boot)
	for _, h := range s.Heads {
		fmt.Fprintf(&b, "%s %d %s\n", h.Origin, h.Size, base64.StdEncoding.EncodeToString(h.Root[:]))
	}
	return b.String()
}

// ReadStatement opens a signed statement with the key of the installation's log
// of the service federation. It answers ErrSignature.
func ReadStatement(key, text string) (s Statement, err error) {
	verifier, err := note.NewVerifier(key)
	if err != nil {
		return s, fmt.Errorf("reading a verifier key: %w", err)
	}
	if len(text) > maxNote {
		return s, ErrSignature
	}
	n, err := note.Open([]byte(text), note.VerifierList(verifier))
	if err != nil {
		return s, fmt.Errorf("%w: %w", ErrSignature, err)
	}
	return parseStatement(strings.Split(strings.TrimSuffix(n.Text, "\n"), "\n"))
}

func parseStatement(lines []string) (s Statement, err error) {
	if len(lines) < 4 || !bootShape.MatchString(lines[3]) {
		return s, fmt.Errorf("%w: it is no greeting", ErrSignature)
	}
	millis, err := strconv.ParseInt(lines[2], 10, 64)
	if err != nil {
		return s, fmt.Errorf("%w: it is no greeting", ErrSignature)
	}
	s = Statement{To: lines[1], At: time.UnixMilli(millis).UTC(), Boot: lines[3]}
	heads, begins := lines[4:], ""
	begins, s.Simulated = strings.CutSuffix(lines[0], simulation)
	switch {
	case begins == inFile && len(heads) > 0:
		s.Recipient, heads = heads[0], heads[1:]
	case begins != onStream:
		return s, fmt.Errorf("%w: it is no greeting", ErrSignature)
	}
	for _, line := range heads {
		claim, err := readClaim(line)
		if err != nil {
			return s, err
		}
		s.Heads = append(s.Heads, claim)
	}
	return s, nil
}

func readClaim(line string) (c Claim, err error) {
	parts := strings.Split(line, " ")
	if len(parts) != 3 {
		return c, fmt.Errorf("%w: it is no greeting", ErrSignature)
	}
	c.Origin = parts[0]
	root, err := base64.StdEncoding.DecodeString(parts[2])
	if err != nil || len(root) != tlog.HashSize {
		return c, fmt.Errorf("%w: it is no greeting", ErrSignature)
	}
	c.Root = tlog.Hash(root)
	if c.Size, err = strconv.ParseUint(parts[1], 10, 62); err != nil {
		return c, fmt.Errorf("%w: it is no greeting", ErrSignature)
	}
	return c, nil
}

// Claimed returns what the statement says of a log.
func (s Statement) Claimed(origin string) (Claim, bool) {
	for _, h := range s.Heads {
		if h.Origin == origin {
			return h, true
		}
	}
	return Claim{}, false
}

// Signed says whether a key that was ever enrolled of an installation has signed a statement,
// also one that is revoked or of an era before, under the name of its log or under that of a later
// one that is claimed, if any is.
func Signed(in *federationv1.Installation, claimed, text string) bool {
	return slices.ContainsFunc(in.GetLogs(), func(log *federationv1.EnrolledLog) bool {
		keys := []string{log.GetVerifierKey()}
		if key := public(log); claimed != "" && len(key) == 1+ed25519.PublicKeySize {
			later, err := note.NewEd25519VerifierKey(claimed, ed25519.PublicKey(key[1:]))
			if err == nil {
				keys = append(keys, later)
			}
		}
		return slices.ContainsFunc(keys, func(key string) bool {
			_, err := ReadStatement(key, text)
			return err == nil
		})
	})
}
