package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	federationv1 "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
	"github.com/duban-project/duban/services/federation"
	"github.com/duban-project/duban/services/federation/evidence"
	"github.com/duban-project/duban/services/federation/heads"
	"github.com/duban-project/duban/services/federation/rows"
	"github.com/duban-project/duban/services/federation/streams"
	"github.com/duban-project/duban/services/internal/authz"
	"github.com/duban-project/duban/services/internal/store"
)

// session is one stream of one installation. It is used by one goroutine; no
// other stream touches the same logs.
type session struct {
	s         *Service
	name      string // installations/…
	voice     string // the key by which it is believed
	root      string // its unit here
	statement string // as signed
	said      federation.Statement
	heads     map[string]federation.Head     // proved, by origin; entries beneath them may come
	relayed   map[string]federation.Standing // as was said last, by origin
	shown     time.Time                      // when its heads were shown; zero: now
	urges     streams.Urges                  // what it is told that was urged
}

// moment is when the session's heads are shown.
func (c *session) moment() time.Time {
	if c.shown.IsZero() {
		return c.s.book.Clock()
	}
	return c.shown
}

// refusal is why something is not taken; it goes back as a Reject.
type refusal struct {
	origin   string
	code     federationv1.Code
	size     uint64
	detail   string
	evidence *federationv1.Evidence
}

// Error implements error.
func (r *refusal) Error() string { return fmt.Sprintf("%s: %s: %s", r.origin, r.code, r.detail) }

func (r *refusal) message() *federationv1.ReplicateResponse {
	return &federationv1.ReplicateResponse{Message: &federationv1.ReplicateResponse_Reject{Reject: &federationv1.Reject{
		Origin: r.origin, Code: r.code, Size: r.size, Detail: r.detail, Evidence: r.evidence,
	}}}
}

// maxLogs is how many logs one installation may push, with those it relays.
const maxLogs = 4096

// greet believes the installation's first message, or says why not.
func (s *Service) greet(ctx context.Context, hello *federationv1.Hello) (*session, error) {
	c, err := s.believe(ctx, hello)
	if err != nil {
		return nil, err
	}
	now := s.book.Clock()
	if c.said.At.Before(now.Add(-federation.Skew)) || c.said.At.After(now.Add(federation.Skew)) {
		return nil, skewed(c.said.At, now)
	}
	return c, nil
}

// skewed refuses what was said too long ago, or is yet to be said.
func skewed(at, now time.Time) error {
	return &refusal{code: federationv1.Code_CODE_CLOCK_SKEW, detail: "the greeting is of " + at.Format(time.RFC3339) + "; here it is " + now.UTC().Format(time.RFC3339)}
}

// believe says who has signed a greeting to this installation, whenever that was. Of who is refused
// though a key of the installation has signed it, the log tells, and its mirror; but not of one that
// is merely suspended. What nobody has signed who is known is counted, and named nowhere.
func (s *Service) believe(ctx context.Context, hello *federationv1.Hello) (*session, error) {
	c, err := s.signer(ctx, hello)
	var r *refusal
	if !errors.As(err, &r) || r.origin == "" && r.code != federationv1.Code_CODE_REVOKED && r.code != federationv1.Code_CODE_BAD_SIGNATURE {
		return c, err
	}
	in, _ := s.installation(ctx, hello.GetInstallation())
	if !federation.Signed(in, r.origin, hello.GetStatement()) {
		s.refused.Unsigned()
		return c, err
	}
	if _, own := federation.ReadStatement(federation.Voice(in), hello.GetStatement()); own == nil && in.GetState() == federationv1.Installation_STATE_SUSPENDED {
		return c, err
	}
	now := s.book.Clock()
	if s.refused.Tell(ctx, hello.GetInstallation(), r.code, r.origin, now) {
		s.note(ctx, hello.GetInstallation(), r, now)
	}
	return c, err
}

// note lets the mirror of an installation's voice say that a greeting was refused. Who greets is
// answered the same without it.
func (s *Service) note(ctx context.Context, name string, r *refusal, now time.Time) {
	err := s.book.Store.Update(ctx, func(tx store.Tx) error {
		return rows.Voice(tx, name, func(m *federationv1.Mirror) { federation.RefuseGreeting(m, r.code, r.origin, now) })
	})
	if err != nil {
		slog.WarnContext(ctx, "that a greeting was refused cannot be noted", "installation", name, "error", err)
	}
}

func (s *Service) signer(ctx context.Context, hello *federationv1.Hello) (*session, error) {
	in, err := s.known(ctx, hello.GetInstallation())
	if err != nil {
		return nil, err
	}
	voice := federation.Voice(in)
	said, err := federation.ReadStatement(voice, hello.GetStatement())
	switch ahead := federation.Ahead(in, hello.GetLogs()); {
	case ahead != "": // for the administrators of both to do; or whoever claims it is another
		return nil, &refusal{origin: ahead, code: federationv1.Code_CODE_UNKNOWN_LOG, detail: "the installation has opened an era that is not enrolled here: its logs of before stay as they are until it is"}
	case err != nil, said.To != s.parts.Cosigner.Name():
		return nil, &refusal{code: federationv1.Code_CODE_BAD_SIGNATURE, detail: "the greeting is not signed by the key that is enrolled, or not meant for here"}
	case said.Simulated && !s.parts.Simulated:
		return nil, &refusal{code: federationv1.Code_CODE_CLOCK_SKEW, detail: "the installation is a simulation, and this one is not: what is made up there does not count here"}
	case len(hello.GetLogs()) > maxLogs:
		return nil, &refusal{code: federationv1.Code_CODE_TOO_LARGE, detail: "too many logs"}
	}
	return &session{
		s: s, name: in.GetName(), voice: voice, root: in.GetUnit(), statement: hello.GetStatement(), said: said,
		heads: map[string]federation.Head{}, relayed: map[string]federation.Standing{}, urges: streams.Urges{Of: s.parts.Urges, Clock: s.book.Clock},
	}, nil
}

func (s *Service) installation(ctx context.Context, name string) (in installation, err error) {
	err = s.book.Store.View(ctx, func(tx store.Tx) error {
		in, err = s.find(tx, name)
		return err
	})
	return in, err
}

// known reads the installation that calls itself so, if it is active.
func (s *Service) known(ctx context.Context, name string) (installation, error) {
	in, err := s.installation(ctx, name)
	switch {
	case errors.Is(err, authz.ErrNotFound) || name == "":
		return nil, &refusal{code: federationv1.Code_CODE_UNKNOWN_LOG, detail: "no such installation is enrolled"}
	case err == nil && in.GetState() != federationv1.Installation_STATE_ACTIVE:
		return nil, &refusal{code: federationv1.Code_CODE_REVOKED, detail: "the installation is " + strings.ToLower(strings.TrimPrefix(in.GetState().String(), "STATE_"))}
	}
	return in, err
}

// welcome says how each log stands.
func (c *session) welcome(ctx context.Context, hello *federationv1.Hello) (*federationv1.ReplicateResponse, error) {
	w := &federationv1.Welcome{}
	if err := c.s.book.Store.View(ctx, c.believed); err != nil { // now that a revocation ends the stream
		return nil, err
	}
	for _, head := range hello.GetLogs() {
		standing, err := c.standing(ctx, head)
		if err != nil {
			return nil, err
		}
		w.Logs = append(w.Logs, standing)
	}
	return &federationv1.ReplicateResponse{Message: &federationv1.ReplicateResponse_Welcome{Welcome: w}}, nil
}

// standing compares a log's head with its mirror.
func (c *session) standing(ctx context.Context, head *federationv1.Head) (*federationv1.Standing, error) {
	standing := &federationv1.Standing{Origin: head.GetOrigin(), Credit: federation.Credit}
	c.relays(head.GetOrigin(), head.GetRelayed())
	err := c.on(ctx, head.GetOrigin(), func(m *held) error {
		err := c.compare(m, head)
		standing.Size, standing.Note, standing.Cover = m.size, m.row.GetNote(), m.lost
		if m.size > 0 {
			standing.Root = m.root[:]
		}
		return err
	})
	var r *refusal
	if errors.As(err, &r) {
		standing.Code, standing.Evidence = r.code, r.evidence
		return standing, nil
	}
	return standing, err
}

// compare judges the head that a log is shown with. What it finds out about the
// log is kept, so a refusal alone does not undo the transaction: see on.
func (c *session) compare(m *held, head *federationv1.Head) error {
	h, err := open(m, head)
	if err != nil {
		return err
	}
	if h.Size < m.size {
		return c.shorter(m, h)
	}
	if h.Size == m.size && h.Root != m.root {
		return c.fork(m, h, m.size, federation.NewBranch(h, h.Root, nil))
	}
	if h.Size == m.size {
		if err := c.regained(m); err != nil {
			return err
		}
	}
	c.stands(m)
	if err := heads.Shown(m.tx, h.Size, c.moment()); err != nil || h.Size > m.size {
		return err
	}
	return c.tell(m)
}

// open reads a head by the key that is enrolled. That of an empty log needs no
// signature.
func open(m *held, head *federationv1.Head) (federation.Head, error) {
	if head.GetNote() == "" {
		return federation.Head{}, nil
	}
	h, err := federation.OpenHead(m.row.GetVerifierKey(), head.GetNote())
	if err != nil {
		return h, m.refuse(federationv1.Code_CODE_BAD_SIGNATURE, "the checkpoint is not signed by the key that is enrolled")
	}
	return h, nil
}

func (h *held) refuse(code federationv1.Code, detail string) error {
	return &refusal{origin: h.name, code: code, size: h.size, detail: detail}
}

// on runs do with a log's mirror, in a transaction. If do refuses, what it has
// saved stays: a refusal may be what is to be remembered.
func (c *session) on(ctx context.Context, origin string, do func(*held) error) error {
	var refused *refusal
	err := c.s.book.Store.Update(ctx, func(tx store.Tx) error {
		refused = nil
		e, err := c.enrolled(tx, origin)
		if err != nil {
			return err
		}
		m, err := c.s.hold(tx, e, origin)
		if err != nil {
			return err
		}
		if m.row.GetState() == federationv1.Mirror_STATE_FROZEN {
			return frozen(tx, m)
		}
		if err := do(m); err != nil && !(errors.As(err, &refused) && m.kept) {
			return err
		}
		return m.save()
	})
	if err == nil && refused != nil {
		return refused
	}
	return err
}

// frozen refuses a log with the evidence for it.
func frozen(tx store.Tx, m *held) error {
	e, err := evidence.Of(tx, m.name)
	if err != nil {
		return err
	}
	return &refusal{origin: m.name, code: federationv1.Code_CODE_FORK, size: m.size, detail: "the log is frozen", evidence: e}
}
