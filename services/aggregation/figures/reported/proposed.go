package reported

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/duban-project/duban/services/aggregation"
	"github.com/duban-project/duban/services/internal/store"
)

// Proposer is a report that awaits a superior (待接受).
type Proposer struct {
	Report string
	// Came is when it came, in nanoseconds since 1970: of several that propose the same,
	// the first that came does, and of those that came at once the one whose Sequence is
	// lower.
	Came, Sequence int64
}

// key orders proposers as keys.
func (p Proposer) key() string { return fmt.Sprintf("%016x%016x%s", p.Came, p.Sequence, p.Report) }

// proposal is what a proposer says of a figure.
type proposal struct {
	series
	value      int64
	supersedes int64 // the sequence of the report whose place it is to take; 0: none
	drops      bool  // it does not say what that report says
	holder     string
	months     string
}

// Propose keeps what a report that awaits a superior says of a figure, or that it does not
// say what the report before does: r.Drops. It counts where what is not accepted does.
// It takes nothing from anybody, and begins and ends nothing.
func (c *Claims) Propose(r Figure) error {
	b := binary.AppendVarint(binary.AppendVarint(nil, r.Value), r.Supersedes)
	b = append(b, r.holder()+zero+strings.Join(r.Months, " ")...)
	return c.each(r, func(key string) error { return c.tx.Put(proposedBucket, []byte(key), b) })
}

// Retract takes off what Propose kept.
func (c *Claims) Retract(r Figure) error {
	err := c.each(r, func(key string) error { return c.tx.Delete(proposedBucket, []byte(key)) })
	for _, key := range r.holderKeys() {
		delete(c.proposers, key)
	}
	return err
}

// Proposes says whether r's report says the figure.
func (c *Claims) Proposes(r Figure) (there bool, err error) {
	for _, key := range r.holderKeys() {
		_, there, err = store.Seek(c.tx, proposedBucket, []byte(r.Proposer.under(key)+r.series().key(false)))
	}
	return there, err
}

// each changes what is kept of what r proposes, of each month of its period.
func (c *Claims) each(r Figure, change func(key string) error) error {
	err := c.touch(r.series())
	for _, key := range r.holderKeys() {
		err = errors.Join(err, c.disturb(key, r.holder()))
	}
	for _, key := range r.holderKeys() {
		if err == nil {
			err = change(r.Proposer.under(key) + r.series().key(r.Drops))
		}
		if !slices.ContainsFunc(c.proposers[key], func(is claimant) bool { return is.Proposer == r.Proposer }) {
			delete(c.proposers, key)
		}
	}
	return err
}

// under begins the keys of what p proposes of what has one holder.
func (p Proposer) under(holder string) string { return holder + zero + p.key() + zero }

// claimant is who proposes something of what has one holder, and who that would be.
type claimant struct {
	Proposer
	holder string
}

// claimants are all of them, the first that came first.
func (c *Claims) claimants(key string) (all []claimant, err error) {
	if all, known := c.proposers[key]; known {
		return all, nil
	}
	for from, to := store.Prefix(key + zero); ; {
		p, is, err := c.first(from, to)
		if err != nil {
			return nil, err
		}
		if p.Report == "" {
			c.proposers[key] = all
			return all, nil
		}
		all = append(all, claimant{p, is.holder})
		_, from = store.Prefix(p.under(key))
	}
}

// first is what is proposed first within a span of keys; of nobody if nothing is.
func (c *Claims) first(from, to []byte) (Proposer, proposal, error) {
	for e, err := range c.tx.Scan(proposedBucket, from, to) {
		if err != nil {
			return Proposer{}, proposal{}, err
		}
		return readProposal(e)
	}
	return Proposer{}, proposal{}, nil
}

// leads says whether what is proposed would be counted, were all accepted in the order in
// which they came: nobody has the figure, in any month of its period, or who proposes it does.
func (c *Claims) leads(is proposal) (bool, error) {
	for month := range strings.SplitSeq(is.months, " ") {
		key := holderKey(is.cell.Unit, is.metric, aggregation.LastDay(month))
		who, err := c.holder(key)
		if err == nil && who == "" {
			var all []claimant
			if all, err = c.claimants(key); len(all) > 0 {
				who = all[0].holder
			}
		}
		if err != nil || who != is.holder {
			return false, err
		}
	}
	return true, nil
}

// disturb notes what is proposed of what has one holder, before a change after which
// another may lead.
func (c *Claims) disturb(key, holder string) error {
	if held, err := c.holder(key); held != "" || err != nil {
		return err
	}
	return c.upset(key, holder)
}

// upset notes all of it, unless the holder alone proposes any.
func (c *Claims) upset(key, holder string) error {
	if c.disturbed[key] {
		return nil
	}
	all, err := c.claimants(key)
	if !slices.ContainsFunc(all, func(is claimant) bool { return is.holder != holder }) {
		return err
	}
	c.disturbed[key] = true
	var others []series
	from, to := store.Prefix(key + zero)
	for e, err := range c.tx.Scan(proposedBucket, from, to) {
		if err != nil {
			return err
		}
		_, is, err := readProposal(e)
		if err != nil {
			return err
		}
		others = append(others, is.series)
	}
	for _, s := range others {
		if err := c.touch(s); err != nil {
			return err
		}
	}
	return nil
}

// proposed is what p proposes of a series, if anything.
func (c *Claims) proposed(p Proposer, key string, s series) (is proposal, there bool, err error) {
	for _, drops := range []bool{false, true} {
		key := []byte(p.under(key) + s.key(drops))
		b, there, err := store.Seek(c.tx, proposedBucket, key)
		if err != nil || there {
			_, is, bad := readProposal(store.Entry{Key: key, Value: b})
			return is, there, errors.Join(err, bad)
		}
	}
	return proposal{}, false, nil
}

// readProposal reads a row of what is proposed.
func readProposal(e store.Entry) (p Proposer, is proposal, err error) {
	parts := strings.Split(string(e.Key), zero)
	value, i := binary.Varint(e.Value)
	supersedes, j := binary.Varint(e.Value[max(i, 0):])
	if len(parts) != 8 || i <= 0 || j <= 0 || len(parts[3]) < 32 {
		return p, is, fmt.Errorf("what is proposed at %q cannot be read", e.Key)
	}
	m, err := strconv.Atoi(parts[4])
	if err != nil || m < 0 || m >= aggregation.Numbers || aggregation.Define(aggregation.Metric(m)) == nil {
		return p, is, fmt.Errorf("what is proposed at %q is of no metric", e.Key)
	}
	p.Report = parts[3][32:]
	for i, n := range []*int64{&p.Came, &p.Sequence} {
		if *n, err = strconv.ParseInt(parts[3][16*i:16*i+16], 16, 64); err != nil {
			return p, is, fmt.Errorf("who proposes %q cannot be read: %w", e.Key, err)
		}
	}
	is = proposal{value: value, supersedes: supersedes, drops: parts[7] == "-"}
	is.cell = aggregation.Cell{Unit: "units/" + parts[0], Campaign: parts[5], Category: parts[6]}
	is.metric = aggregation.Metric(m)
	is.holder, is.months, _ = strings.Cut(string(e.Value[i+j:]), zero)
	if aggregation.Define(is.metric).Flow() {
		is.month = is.last()
	}
	return p, is, nil
}

// last is the month at whose end it counts.
func (is proposal) last() string { return is.months[strings.LastIndexByte(is.months, ' ')+1:] }
