package push

import (
	"context"
	"errors"
	"fmt"

	"google.golang.org/protobuf/proto"

	federationv1 "github.com/duban-project/duban/proto/gen/go/duban/federation/v1"
	"github.com/duban-project/duban/services/federation"
)

// ErrReceipt says that a receipt is not this installation's, or not to be believed.
var ErrReceipt = errors.New("the receipt does not hold")

// Export puts what a stream would send into one file of about max bytes: the greeting,
// what is proved, and entries, each log from where the installation above has it. What
// does not fit begins the next file.
func Export(ctx context.Context, c Config, from map[string]uint64, max int, put func(*federationv1.ReplicateRequest) error) error {
	hello, logs, err := c.greeting(ctx, c.Recipient)
	if err != nil {
		return err
	}
	if err := put(&federationv1.ReplicateRequest{Message: &federationv1.ReplicateRequest_Hello{Hello: hello}}); err != nil {
		return err
	}
	for _, o := range logs {
		if err := o.offer(ctx, c, from[o.origin], put); err != nil {
			return err
		}
	}
	f := file{Config: c, left: max, put: put}
	for _, o := range logs {
		if err := f.entries(ctx, o, from[o.origin]); err != nil || f.left <= 0 {
			return err
		}
	}
	return nil
}

// offer proves what is new of the log.
func (o *outgoing) offer(ctx context.Context, c Config, from uint64, put func(*federationv1.ReplicateRequest) error) error {
	size := o.first.GetSize()
	switch {
	case from > size:
		return fmt.Errorf("%w: %s has %d entries, and the installation above %d", ErrReceipt, o.name, size, from)
	case from == size:
		return nil
	}
	p, err := o.proof(ctx, &c, o.first, from)
	if err != nil {
		return err
	}
	return put(p)
}

// file is one that is being made.
type file struct {
	Config
	left int // bytes
	put  func(*federationv1.ReplicateRequest) error
}

// entries puts the log's entries from start on, as long as there is room.
func (f *file) entries(ctx context.Context, o *outgoing, start uint64) error {
	for start < o.first.GetSize() && f.left > 0 {
		run, err := o.run(ctx, f.Feeds, o.first, span{start, min(f.left, federation.MaxBytes)})
		if err != nil {
			return err
		}
		start += uint64(len(run.GetRecords()))
		f.left -= proto.Size(run)
		if err := f.put(&federationv1.ReplicateRequest{Message: &federationv1.ReplicateRequest_Append{Append: run}}); err != nil {
			return err
		}
	}
	return nil
}

// Receive takes what the installation above has answered to files: cosigned
// checkpoints are kept, a log that is shown to have less than it had, or two
// histories, is held. It answers how much of each log is there, which only says
// where to go on. It answers ErrReceipt.
func Receive(ctx context.Context, c Config, answers []*federationv1.ReplicateResponse) (from map[string]uint64, err error) {
	_, logs, err := c.greeting(ctx, "")
	if err != nil {
		return nil, err
	}
	byOrigin := map[string]*outgoing{}
	for _, o := range logs {
		byOrigin[o.origin] = o
	}
	from = map[string]uint64{}
	for _, m := range answers {
		if o := byOrigin[m.GetReject().GetOrigin()]; o != nil {
			if err := c.forked(ctx, o, m.GetReject().GetEvidence()); err != nil {
				return nil, err
			}
		}
		if o := byOrigin[m.GetAck().GetOrigin()]; o != nil {
			from[o.origin] = m.GetAck().GetSize()
			if err := c.anchored(ctx, o, m.GetAck()); err != nil {
				return nil, err
			}
		}
	}
	return from, nil
}

// anchored keeps a cosigned checkpoint of one's own log.
func (c *Config) anchored(ctx context.Context, o *outgoing, a *federationv1.Ack) error {
	if a.GetNote() == "" || !o.own() {
		return nil
	}
	if !both(o.key, c.Cosigner, a.GetNote()) {
		return fmt.Errorf("%w: the installation above has not cosigned what it says of %s", ErrReceipt, o.name)
	}
	h, err := federation.OpenHead(o.key, a.GetNote())
	if err != nil || h.Size == 0 {
		return err
	}
	if h.Size > o.first.GetSize() {
		return errors.Join(
			fmt.Errorf("%w: %s had %d entries, and has %d: restore a newer backup", ErrReceipt, o.name, h.Size, o.first.GetSize()),
			c.Keep.Hold(ctx, o.name, fmt.Sprintf("it once had %d entries, and has %d", h.Size, o.first.GetSize())))
	}
	was, err := prove(ctx, c.Feeds, o.name, h.Size, h.Size)
	if err != nil {
		return err
	}
	if string(was.GetRoot()) != string(h.Root[:]) {
		return errors.Join(
			fmt.Errorf("%w: another history of %s was signed", ErrReceipt, o.name),
			c.Keep.Hold(ctx, o.name, "another history of it was signed"))
	}
	return c.Keep.Anchored(ctx, o.origin, a.GetNote())
}
