package push

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/tlog"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	federationv1 "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	"github.com/duban-project/duban/services/federation"
)

// outgoing is one log on its way upward.
type outgoing struct {
	name   string // rectification
	origin string // as it is pushed: see federation.Relayed
	key    string // verifies the log's checkpoints, in note format
	first  *feedv1.Checkpoint

	mu      sync.Mutex
	acked   uint64
	sent    uint64
	credit  uint64
	noted   string // cosigned, not kept yet
	refused error
	news    chan struct{} // holds one if something of the above has changed

	kept time.Time // when a cosigned note was kept last
}

func newOutgoing(of federation.Upward, cp *feedv1.Checkpoint) *outgoing {
	return &outgoing{name: of.Feed, origin: federation.Relayed(cp.GetOrigin(), of.Unit), key: cp.GetVerifierKey(), first: cp, news: make(chan struct{}, 1)}
}

// own says whether it is one of the installation's own logs.
func (o *outgoing) own() bool { return !strings.Contains(o.name, ".") }

// told changes what is known of the other side.
func (o *outgoing) told(change func()) {
	o.mu.Lock()
	change()
	o.mu.Unlock()
	select {
	case o.news <- struct{}{}:
	default:
	}
}

func (o *outgoing) standing() (acked, credit uint64, refused error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.acked, o.credit, o.refused
}

// push sends the log's entries as they come, until ctx is done or the log is
// refused.
func (o *outgoing) push(ctx context.Context, s *session) error {
	for cp := o.first; ; {
		if err := o.send(ctx, s, cp); err != nil {
			return err
		}
		if err := o.keep(ctx, s); err != nil {
			return err
		}
		next, err := o.await(ctx, s, cp)
		if err != nil {
			return err
		}
		cp = next
	}
}

// await returns the log's next head once it has grown. Meanwhile it shows the one
// there is, as often as a heart beats.
func (o *outgoing) await(ctx context.Context, s *session, cp *feedv1.Checkpoint) (*feedv1.Checkpoint, error) {
	for shown := s.Now(); ; {
		more, err := s.Feeds.ListRecords(ctx, &feedv1.ListRecordsRequest{
			Parent: "feeds/" + o.name, Start: cp.GetSize(), PageSize: 1, Wait: durationpb.New(waiting),
		})
		if err != nil {
			return nil, fmt.Errorf("waiting for entries of %s: %w", o.name, err)
		}
		if len(more.GetRecords()) == 0 {
			if err := o.rest(ctx, s, cp); err != nil {
				return nil, err
			}
		}
		next, err := s.Feeds.GetCheckpoint(ctx, &feedv1.GetCheckpointRequest{Name: "feeds/" + o.name})
		if err != nil {
			return nil, fmt.Errorf("reading the head of %s: %w", o.name, err)
		}
		if _, _, err := o.standing(); err != nil {
			return nil, err
		}
		if next.GetSize() > cp.GetSize() {
			return next, nil
		}
		if s.Now().Sub(shown) < federation.Beat-waiting {
			continue
		}
		shown = s.Now()
		head, err := o.head(ctx, s.Config, cp)
		if err != nil {
			return nil, err
		}
		if err := s.send(&federationv1.ReplicateRequest{Message: &federationv1.ReplicateRequest_Beat{Beat: &federationv1.Beat{Head: head}}}); err != nil {
			return nil, err
		}
	}
}

// rest does what has time until nothing is written: it keeps the cosigned note that came
// too soon after another, and tells the role, which may have begun anew with a backup,
// that all of the head is known above.
func (o *outgoing) rest(ctx context.Context, s *session, cp *feedv1.Checkpoint) error {
	if !o.own() {
		return nil
	}
	if err := o.keep(ctx, s); err != nil {
		return err
	}
	return s.Keep.Known(ctx, o.name, cp.GetSize())
}

// waiting is how long a call for entries is held open.
const waiting = 10 * time.Second

// send proves the head, and sends the entries beneath it that are not known above.
func (o *outgoing) send(ctx context.Context, s *session, cp *feedv1.Checkpoint) error {
	acked, _, err := o.standing()
	if err != nil || cp.GetSize() <= acked {
		return err
	}
	if err := o.prove(ctx, s, cp, acked); err != nil {
		return err
	}
	for sent := acked; sent < cp.GetSize(); {
		if err := o.room(ctx, s, sent); err != nil {
			return err
		}
		run, err := o.run(ctx, s.Feeds, cp, span{sent, federation.MaxBytes})
		if err != nil {
			return err
		}
		sent += uint64(len(run.GetRecords()))
		o.told(func() { o.sent = sent })
		if err := s.send(&federationv1.ReplicateRequest{Message: &federationv1.ReplicateRequest_Append{Append: run}}); err != nil {
			return err
		}
	}
	return o.reached(ctx, s, cp.GetSize())
}

// prove shows that what is known above is the start of what is here.
func (o *outgoing) prove(ctx context.Context, s *session, cp *feedv1.Checkpoint, acked uint64) error {
	p, err := o.proof(ctx, s.Config, cp, acked)
	if err != nil {
		return err
	}
	return s.send(p)
}

func (o *outgoing) proof(ctx context.Context, c *Config, cp *feedv1.Checkpoint, acked uint64) (_ *federationv1.ReplicateRequest, err error) {
	p := &federationv1.Prove{Origin: o.origin, Note: cp.GetNote(), Size: acked}
	if p.Relayed, err = o.relayed(ctx, c); err != nil {
		return nil, err
	}
	if acked > 0 {
		if p.Root, p.Consistency, err = Proofs(ctx, c.Feeds, o.name, acked, cp.GetSize()); err != nil {
			return nil, err
		}
	}
	return &federationv1.ReplicateRequest{Message: &federationv1.ReplicateRequest_Prove{Prove: p}}, nil
}

// span is from where on so many bytes are wanted.
type span struct {
	start uint64
	bytes int
}

// run reads the entries that go into one message, and proves that they lead to the
// head.
func (o *outgoing) run(ctx context.Context, feeds feedv1.FeedServiceClient, cp *feedv1.Checkpoint, of span) (*federationv1.Append, error) {
	start := of.start
	res, err := feeds.ListRecords(ctx, &feedv1.ListRecordsRequest{
		Parent: "feeds/" + o.name, Start: start, PageSize: int32(min(federation.MaxRun, cp.GetSize()-start)), Office: true,
	})
	if err != nil {
		return nil, fmt.Errorf("reading %s from %d: %w", o.name, start, err)
	}
	run := fitting(res.GetRecords(), of.bytes)
	if len(run) == 0 {
		return nil, fmt.Errorf("reading %s from %d: none of the entries up to %d came", o.name, start, cp.GetSize())
	}
	proof, err := consistency(ctx, feeds, o.name, start+uint64(len(run)), cp.GetSize())
	return &federationv1.Append{Origin: o.origin, Records: run, Consistency: proof}, err
}

// fitting is the start of the run that, with what opens its commitments, has at
// most so many bytes; at least one entry.
func fitting(run []*feedv1.Record, most int) []*feedv1.Record {
	bytes := 0
	for i, r := range run {
		if bytes += proto.Size(r); bytes > most && i > 0 {
			return run[:i]
		}
	}
	return run
}

// room returns when the credit allows for one more run.
func (o *outgoing) room(ctx context.Context, s *session, sent uint64) error {
	return o.until(ctx, s, func(acked, credit uint64) bool {
		return sent < acked+max(credit, federation.MaxRun)-federation.MaxRun+1
	})
}

// reached returns when everything up to size is known above.
func (o *outgoing) reached(ctx context.Context, s *session, size uint64) error {
	return o.until(ctx, s, func(acked, _ uint64) bool { return acked >= size })
}

func (o *outgoing) until(ctx context.Context, s *session, ok func(acked, credit uint64) bool) error {
	timer := time.NewTimer(s.Patience)
	defer timer.Stop()
	for {
		acked, credit, err := o.standing()
		if err != nil || ok(acked, credit) {
			return err
		}
		select {
		case <-o.news:
			timer.Reset(s.Patience)
		case <-timer.C:
			return fmt.Errorf("%s: %w", o.name, errPatience)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// keepEvery is how often a cosigned checkpoint is kept, at most.
const keepEvery = time.Second

// keep stores the newest checkpoint that was cosigned, if the cosignature holds.
func (o *outgoing) keep(ctx context.Context, s *session) error {
	o.mu.Lock()
	text := o.noted
	o.mu.Unlock()
	if text == "" || !o.own() || s.Now().Sub(o.kept) < keepEvery {
		return nil
	}
	if !both(o.key, s.Cosigner, text) {
		return fmt.Errorf("%s: what should be cosigned is not", o.name)
	}
	o.kept = s.Now()
	o.told(func() { o.noted = "" })
	return s.Keep.Anchored(ctx, o.origin, text)
}

// both says whether the log and the installation above have signed the note.
func both(key, cosigner, text string) bool {
	_, err := federation.OpenHead(key, text)
	if err != nil {
		return false
	}
	_, err = federation.Cosigned(cosigner, text)
	return err == nil
}

// state signs what the installation says of its own logs.
func (c *Config) state(logs []*outgoing, recipient string) (string, error) {
	said := federation.Statement{To: cosignerName(c.Cosigner), At: c.Now(), Boot: c.Boot, Recipient: recipient, Simulated: c.Simulated}
	for _, o := range logs {
		if !o.own() {
			continue
		}
		claim := federation.Claim{Origin: o.origin, Size: o.first.GetSize()}
		if len(o.first.GetRoot()) == tlog.HashSize {
			claim.Root = tlog.Hash(o.first.GetRoot())
		}
		said.Heads = append(said.Heads, claim)
	}
	text, err := c.Sign(said.Text())
	if err != nil {
		return "", fmt.Errorf("signing the greeting: %w", err)
	}
	return string(text), nil
}

// cosignerName is what the key of a cosigner is named by.
func cosignerName(key string) string {
	name, _, _ := strings.Cut(key, "+")
	return name
}
