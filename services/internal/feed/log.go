package feed

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"regexp"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/mod/sumdb/note"
	"google.golang.org/protobuf/proto"
)

const (
	// MaxEntry is how many bytes an entry may have, and each payload behind its
	// commitments.
	MaxEntry = 256 << 10

	// MaxRun is how many bytes of entries Records reads at once.
	MaxRun = 1 << 20
)

var (
	// ErrTooLarge says that an entry, or a payload behind a commitment, has more
	// than MaxEntry bytes.
	ErrTooLarge = errors.New("feed: more than 256 KiB")

	// ErrRev says that a change does not follow its subject's newest entry.
	ErrRev = errors.New("feed: not the subject's next rev")

	// ErrHeld says that the log has lost its tail and makes no entries: whatever it
	// made would be a second history.
	ErrHeld = errors.New("feed: the log has lost its tail")

	// ErrRange says that the log has no such entry, or no tree of such a size.
	ErrRange = errors.New("feed: beyond the log")
)

var (
	nameShape   = regexp.MustCompile(`^[a-z]{1,32}$`)
	originShape = regexp.MustCompile(`^[^\s+\x00-\x1f\x7f]{1,255}$`)
)

// Config is what a log must know.
type Config struct {
	// Name is the service's, such as "rectification".
	Name string
	// Origin names the log among all logs: province, installation, service and
	// era. At most 255 bytes without space or "+".
	Origin string
	// Key signs the checkpoints.
	Key ed25519.PrivateKey
	// Now is real time, never the simulated clock.
	Now func() time.Time
	// Random gives ids and salts: crypto/rand.Reader outside of tests.
	Random io.Reader
}

// Log is a service's log. Only one process at a time may write to it. Its
// engine MUST call Seal before each commit and Committed after it.
type Log struct {
	config   Config
	signer   signer
	verifier string // the key in note format
	seams    sync.Map
	bell     bell
	held     atomic.Pointer[string] // why
}

// New returns the log that c describes. It says what is wrong with c.
func New(c Config) (*Log, error) {
	switch {
	case !nameShape.MatchString(c.Name):
		return nil, fmt.Errorf("feed: %q is no name of a service", c.Name)
	case !originShape.MatchString(c.Origin):
		return nil, fmt.Errorf("feed: %q is no origin of a log", c.Origin)
	case len(c.Key) != ed25519.PrivateKeySize:
		return nil, fmt.Errorf("feed: the key has %d bytes", len(c.Key))
	case c.Now == nil || c.Random == nil:
		return nil, errors.New("feed: a log needs a clock and randomness")
	}
	key, err := note.NewEd25519VerifierKey(c.Origin, c.Key.Public().(ed25519.PublicKey))
	if err != nil {
		return nil, fmt.Errorf("making the verifier key of %s: %w", c.Origin, err)
	}
	verifier, err := note.NewVerifier(key)
	if err != nil {
		return nil, fmt.Errorf("reading the verifier key of %s: %w", c.Origin, err)
	}
	return &Log{
		config:   c,
		signer:   signer{verifier, c.Key},
		verifier: key,
		bell:     bell{rung: make(chan struct{})},
	}, nil
}

// VerifierKey is the key that verifies the log's checkpoints, in note format.
func (l *Log) VerifierKey() string { return l.verifier }

// Hold lets the log make no more entries while this process runs, until Release, and
// says why. The first reason stays.
func (l *Log) Hold(why string) { l.held.CompareAndSwap(nil, &why) }

// Release lets a held log go on that has its tail again.
func (l *Log) Release() { l.held.Store(nil) }

// Held says whether Hold was called, and why.
func (l *Log) Held() (why string, held bool) {
	if p := l.held.Load(); p != nil {
		return *p, true
	}
	return "", false
}

// seamsOf returns where messages of body's type are parted; it looks at each
// type once.
func (l *Log) seamsOf(body proto.Message) (*seams, error) {
	md := body.ProtoReflect().Descriptor()
	if s, ok := l.seams.Load(md); ok {
		return s.(*seams), nil
	}
	s, err := newSeams(md)
	if err != nil {
		return nil, err
	}
	l.seams.Store(md, s)
	return s, nil
}
